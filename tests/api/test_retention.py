"""Retention over the API: policies of projects, previews, acceptance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project

MakeBackup = Callable[..., Backup]
PREVIEW = "/v1/retention/preview"
ACCEPT = "/v1/retention/accept"


@pytest.fixture
def history(
    make_backup: MakeBackup, project: Project, advance: Callable[[timedelta], None]
) -> list[str]:
    """Store five validated backups of as many days; return their ids, newest first."""
    made = []
    for _ in range(5):
        made.append(make_backup(project, validated=True, rows=10).id)
        advance(timedelta(days=1))
    return made[::-1]


def preview(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post(PREVIEW, json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_project_takes_a_policy_and_shows_it(client: httpx.Client, project: Project) -> None:
    path = f"/v1/projects/{project.id}"

    client.patch(path, json={"retention": {"keep_last": 7, "monthly": 12}}).raise_for_status()

    shown = client.get(path).json()["retention"]
    assert (shown["keep_last"], shown["monthly"], shown["keep_days"]) == (7, 12, None)


def test_a_project_is_created_with_a_policy(client: httpx.Client) -> None:
    body = {"host": "localhost", "retention": {"keep_days": 30}}

    shown = client.post("/v1/projects", json=body).json()

    assert shown["retention"]["keep_days"] == 30


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"keep_last": 0}, "keep_last"),
        ({"keep_last": "7"}, "keep_last"),
        ({"keep_last": True}, "keep_last"),
        ({"min_keep": None}, "min_keep"),
        ({"keep_for": 7}, "keep_for"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"shrink_threshold": 1.5}, "shrink_threshold"),
        ("all", ""),
    ],
)
def test_what_is_no_policy_is_refused_by_its_field(
    client: httpx.Client, project: Project, policy: object, field: str
) -> None:
    patch = client.patch(f"/v1/projects/{project.id}", json={"retention": policy})
    tried = client.post(PREVIEW, json={"project_id": project.id, "policy": policy})

    assert (patch.status_code, tried.status_code) == (400, 400)
    assert patch.json()["errors"][0]["field"] == f"retention.{field}".rstrip(".")


def test_a_preview_says_for_each_backup_what_and_why(
    client: httpx.Client, project: Project, history: list[str]
) -> None:
    shown = preview(client, project_id=project.id, policy={"keep_last": 2, "min_keep": 1})

    items = shown["items"]
    assert [item["backup_id"] for item in items] == history
    assert [item["keep"] for item in items] == [True, True, False, False, False]
    assert items[0]["reasons"] == ["newest-verified", "min-keep", "last-n"]
    assert items[-1]["reasons"] == ["no-rule-keeps-it"]
    assert (shown["kept"], shown["removed"], shown["validated"]) == (2, 3, 5)


def test_a_preview_removes_nothing(
    client: httpx.Client, services: Services, project: Project, history: list[str]
) -> None:
    preview(client, project_id=project.id, policy={"keep_last": 1, "min_keep": 1})

    assert [services.backups.get(one).chore for one in history] == [None] * 5


def test_a_preview_under_the_stored_policy_is_what_the_sweeper_does(
    client: httpx.Client, services: Services, project: Project, history: list[str]
) -> None:
    policy = {"keep_last": 2, "min_keep": 1}
    client.patch(f"/v1/projects/{project.id}", json={"retention": policy}).raise_for_status()
    items = preview(client, project_id=project.id)["items"]

    services.sweeper.sweep()

    left = [item["id"] for item in client.get("/v1/backups").json()["items"]]
    assert left == [item["backup_id"] for item in items if item["keep"]]


def test_a_preview_comes_in_pages(
    client: httpx.Client, project: Project, history: list[str]
) -> None:
    body = {"project_id": project.id, "policy": {"keep_last": 2}}

    first = client.post(PREVIEW, json=body, params={"limit": 2}).json()
    cursor = {"limit": 9, "cursor": first["next_cursor"]}
    rest = client.post(PREVIEW, json=body, params=cursor).json()

    pages = [[item["backup_id"] for item in page["items"]] for page in (first, rest)]
    assert pages == [history[:2], history[2:]]
    assert (rest["next_cursor"], rest["kept"]) == (None, first["kept"])


def test_without_any_policy_there_is_nothing_to_preview(
    client: httpx.Client, project: Project
) -> None:
    answer = client.post(PREVIEW, json={"project_id": project.id})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "policy")


def test_a_freeze_is_shown_and_accepted(
    client: httpx.Client, project: Project, history: list[str], make_backup: MakeBackup
) -> None:
    make_backup(project, validated=True, rows=1)
    policy = {"keep_last": 1, "min_keep": 1}
    client.patch(f"/v1/projects/{project.id}", json={"retention": policy}).raise_for_status()
    frozen = preview(client, project_id=project.id)

    client.post(ACCEPT, json={"project_id": project.id}).raise_for_status()

    thawed = preview(client, project_id=project.id)
    assert [freeze["reason"] for freeze in frozen["frozen"]] == ["rows-shrank"]
    assert frozen["items"][-1]["reasons"] == ["frozen", "no-rule-keeps-it"]
    assert (thawed["frozen"], thawed["removed"]) == ([], 5)


def test_viewers_may_look_and_only_admins_accept(
    client_for: Callable[..., httpx.Client], project: Project
) -> None:
    body = {"project_id": project.id}
    viewer, operator = client_for(Role.VIEWER), client_for(Role.OPERATOR)

    looked = viewer.post(PREVIEW, json={**body, "policy": {}})
    refused = [one.post(ACCEPT, json=body).status_code for one in (viewer, operator)]

    assert (looked.status_code, refused) == (200, [403, 403])


@pytest.mark.parametrize("path", [PREVIEW, ACCEPT])
@pytest.mark.parametrize("named", ["project_id", "schedule_id"])
def test_what_a_key_does_not_reach_is_not_there(
    client_for: Callable[..., httpx.Client], project: Project, path: str, named: str
) -> None:
    stranger = client_for(Role.ADMIN, projects=("elsewhere",))

    answers = [stranger.post(path, json={named: known}) for known in (project.id, "nowhere")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
