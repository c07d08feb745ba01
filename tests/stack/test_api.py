"""The API keeps its promises whatever the settings plug into it."""

from __future__ import annotations

from typing import Any

import httpx

from chalicelib.domain.backup import Backup, Status
from tests.support.stack import Stack

PROJECT = {"name": "shop", "host": "db.example.org", "database": "app", "password": "s3cret"}


def new_project(api: httpx.Client) -> str:
    return str(api.post("/v1/projects", json=PROJECT).raise_for_status().json()["id"])


def ask(api: httpx.Client, project_id: str, key: str | None = None, **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return api.post("/v1/backups", json={"project_id": project_id, **more}, headers=headers)


def ids(answer: httpx.Response) -> list[str]:
    return [item["id"] for item in answer.raise_for_status().json()["items"]]


def test_a_completed_backup_is_shown_as_its_record_has_it(
    api: httpx.Client, completed: Backup
) -> None:
    shown = api.get(f"/v1/backups/{completed.id}").raise_for_status().json()

    assert completed.checksum is not None
    assert (shown["status"], shown["validated"]) == ("completed", True)
    assert shown["checksum"]["value"] == completed.checksum.value
    assert shown["progress"] is None


def test_lists_are_filtered_by_project_and_status(api: httpx.Client, completed: Backup) -> None:
    other = ask(api, new_project(api)).json()["id"]

    assert ids(api.get("/v1/backups")) == [other, completed.id]
    assert ids(api.get("/v1/backups", params={"status": "pending"})) == [other]
    assert ids(api.get("/v1/backups", params={"project": completed.project_id})) == [completed.id]


def test_pages_follow_each_other_without_a_gap(api: httpx.Client) -> None:
    project_id = new_project(api)
    made = [ask(api, project_id).json()["id"] for _ in range(3)]

    first = api.get("/v1/backups", params={"limit": 2})
    second = api.get("/v1/backups", params={"limit": 2, "cursor": first.json()["next_cursor"]})

    assert ids(first) + ids(second) == made[::-1]
    assert second.json()["next_cursor"] is None


def test_a_change_is_kept(api: httpx.Client, completed: Backup) -> None:
    path = f"/v1/backups/{completed.id}"

    api.patch(path, json={"name": "before the move", "tags": {"sha": "4f2a"}}).raise_for_status()

    shown = api.get(path).json()
    assert (shown["name"], shown["tags"]) == ("before the move", {"sha": "4f2a"})


def test_a_repeated_request_is_one_backup(api: httpx.Client) -> None:
    project_id = new_project(api)

    answers = [ask(api, project_id, "key-1") for _ in range(2)]
    other = ask(api, project_id, "key-1", type="schema")

    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert len(ids(api.get("/v1/backups"))) == 1


def test_a_pending_backup_is_cancelled_at_once(api: httpx.Client, stack: Stack) -> None:
    backup_id = ask(api, new_project(api)).json()["id"]

    api.post(f"/v1/backups/{backup_id}/cancel").raise_for_status()

    assert stack.services.backups.get(backup_id).status is Status.CANCELLED


def test_a_deleted_backup_leaves_no_object(
    api: httpx.Client, stack: Stack, completed: Backup
) -> None:
    assert len(stack.leftovers()) == 3

    api.delete(f"/v1/backups/{completed.id}").raise_for_status()

    assert api.get(f"/v1/backups/{completed.id}").status_code == 404
    assert stack.leftovers() == []


def test_a_locked_backup_is_not_deleted(api: httpx.Client, stack: Stack, completed: Backup) -> None:
    path = f"/v1/backups/{completed.id}"
    api.patch(path, json={"locked": True}).raise_for_status()

    answer = api.delete(path)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert len(stack.leftovers()) == 3


def test_a_revoked_key_is_refused_at_once(api: httpx.Client) -> None:
    made = api.post("/v1/keys", json={"name": "ci", "role": "viewer"}).raise_for_status().json()
    theirs = {"Authorization": f"Bearer {made['token']}"}
    assert api.get("/v1/backups", headers=theirs).status_code == 200

    api.delete(f"/v1/keys/{made['id']}").raise_for_status()

    assert api.get("/v1/backups", headers=theirs).status_code == 401
