"""Schedules over HTTP: what is taken and shown, who sees what, and runs by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.project import Project

ANYWHERE = {"project_tag": {"name": "env", "value": "prod"}}


@pytest.fixture
def create(client: httpx.Client, project: Project) -> Callable[..., dict[str, Any]]:
    def make(**fields: object) -> dict[str, Any]:
        target = {} if "project_tag" in fields else {"project_id": project.id}
        body = {"name": "nightly", "cron": "30 2 * * *", **target, **fields}
        answer = client.post("/v1/schedules", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


def test_a_schedule_is_made_and_shown_as_it_was_asked_for(
    client: httpx.Client, project: Project
) -> None:
    fields = {
        "name": "nightly",
        "project_id": project.id,
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "jitter_s": 300,
        "overlap": "queue",
        "tags": {"team": "web"},
        "retention": {"keep_last": 7, "monthly": 12},
    }

    created = client.post("/v1/schedules", json={**fields, "options": {"compression": "zstd"}})

    shown = client.get(created.headers["location"]).json()
    assert shown == created.json()
    assert fields.items() <= {**shown, "retention": fields["retention"]}.items()
    assert (shown["options"]["compression"], shown["retention"]["monthly"]) == ("zstd", 12)


def test_the_next_three_runs_are_shown(create: Callable[..., dict[str, Any]]) -> None:
    shown = create(timezone="Europe/Berlin")

    assert shown["next_runs"] == [f"2026-03-0{day}T01:30:00Z" for day in (2, 3, 4)]
    assert shown["next"]["due_at"] == "2026-03-02T01:30:00Z"


def test_a_disabled_schedule_has_no_next_run(create: Callable[..., dict[str, Any]]) -> None:
    shown = create(enabled=False)

    assert (shown["next"], shown["next_runs"]) == (None, [])


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cron": "often"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "Mars/Base", "enabled": False}, "timezone"),
        ({"cron": "often", "enabled": False}, "cron"),
        ({"jitter_s": -1}, "jitter_s"),
        ({"overlap": "both"}, "overlap"),
        ({"name": ""}, "name"),
        ({**ANYWHERE}, "body"),
        ({"options": {"compression": "bzip2", "format": "custom"}}, "format"),
        ({"retention": {"keep_last": 0}}, "retention.keep_last"),
    ],
)
def test_what_cannot_be_is_refused(
    client: httpx.Client, project: Project, fields: dict[str, object], field: str
) -> None:
    body = {"name": "n", "cron": "daily", "project_id": project.id, **fields}

    answer = client.post("/v1/schedules", json=body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_options_that_come_later_are_unsupported(client: httpx.Client, project: Project) -> None:
    body = {"name": "n", "cron": "daily", "project_id": project.id}

    answer = client.post("/v1/schedules", json={**body, "options": {"type": "incremental"}})

    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")


@pytest.mark.parametrize(
    ("components", "code"),
    [(["database", "auth"], "unsupported"), (["roles"], "invalid_request")],
)
def test_components_that_its_project_has_not_are_refused(
    client: httpx.Client, project: Project, components: list[str], code: str
) -> None:
    body = {"name": "n", "cron": "daily", "project_id": project.id}

    answer = client.post("/v1/schedules", json={**body, "options": {"components": components}})

    assert answer.json()["code"] == code


def test_a_schedule_of_a_missing_project_is_not_made(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/schedules", json={"name": "n", "cron": "daily", "project_id": "nowhere"}
    )

    assert answer.status_code == 404


def test_a_change_plans_the_next_run_anew(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    path = f"/v1/schedules/{create()['id']}"

    changed = client.patch(path, json={"cron": "hourly", "options": {"type": "schema"}}).json()

    assert changed["next_runs"][0] == "2026-03-01T13:00:00Z"
    assert (changed["options"]["type"], changed["name"]) == ("schema", "nightly")


@pytest.mark.parametrize("body", [{}, {"cron": "often"}, {"timezone": "x"}, {"project_id": "p"}])
def test_a_change_that_cannot_be_changes_nothing(
    client: httpx.Client, create: Callable[..., dict[str, Any]], body: dict[str, object]
) -> None:
    made = create(enabled=False)
    path = f"/v1/schedules/{made['id']}"

    answer = client.patch(path, json=body)

    assert (answer.status_code, client.get(path).json()) == (400, made)


def test_a_deleted_schedule_is_gone_and_its_backups_stay(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    path = f"/v1/schedules/{create()['id']}"
    client.post(f"{path}/run", json={})

    deleted = client.delete(path)

    assert (deleted.status_code, client.get(path).status_code) == (204, 404)
    assert len(client.get("/v1/backups").json()["items"]) == 1


def test_a_run_by_hand_makes_the_backup_of_the_schedule(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    made = create(options={"type": "schema"}, tags={"team": "web"})

    answer = client.post(f"/v1/schedules/{made['id']}/run")

    (backup,) = answer.json()["backups"]
    assert (answer.status_code, backup["type"], backup["trigger"]) == (202, "schema", "manual")
    assert (backup["schedule_id"], backup["tags"]) == (made["id"], {"team": "web"})


def test_a_run_by_hand_is_idempotent_by_key(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    path = f"/v1/schedules/{create()['id']}/run"

    first, second = (client.post(path, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert first.json()["backups"][0]["id"] == second.json()["backups"][0]["id"]


def test_a_run_by_hand_of_no_project_is_a_conflict(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    answer = client.post(f"/v1/schedules/{create(**ANYWHERE)['id']}/run")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_backups_are_listed_by_their_schedule(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    first, second = create(), create()
    for made in (first, second):
        client.post(f"/v1/schedules/{made['id']}/run")

    listed = client.get("/v1/backups", params={"schedule": first["id"]}).json()["items"]

    assert [backup["schedule_id"] for backup in listed] == [first["id"]]


def test_a_started_run_is_shown_as_the_last(
    client: httpx.Client,
    create: Callable[..., dict[str, Any]],
    services: Services,
    advance: Callable[[timedelta], None],
) -> None:
    made = create(cron="hourly")
    advance(timedelta(hours=1))
    services.due_runs.start_due()

    shown = client.get(f"/v1/schedules/{made['id']}").json()

    (backup,) = client.get("/v1/backups", params={"trigger": "scheduled"}).json()["items"]
    assert (shown["last"]["state"], shown["last"]["backup_id"]) == ("started", backup["id"])
    assert backup["expected_at"] == "2026-03-01T13:00:00Z"


def test_a_preview_needs_no_schedule(client: httpx.Client) -> None:
    query: dict[str, Any] = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "n": 2}

    runs = client.get("/v1/schedules/preview", params=query).json()["runs"]

    assert [datetime.fromisoformat(run).day for run in runs] == [2, 3]


@pytest.mark.parametrize("query", [{"cron": "x"}, {"cron": "daily", "n": 51}, {"timezone": "UTC"}])
def test_a_preview_of_nonsense_is_refused(client: httpx.Client, query: dict[str, Any]) -> None:
    assert client.get("/v1/schedules/preview", params=query).status_code == 400


def test_a_key_of_other_projects_sees_none_of_them(
    client_for: Callable[..., httpx.Client],
    create: Callable[..., dict[str, Any]],
    make_project: Callable[..., Project],
) -> None:
    mine, of_all = create(), create(**ANYWHERE)
    stranger = client_for(Role.ADMIN, (make_project("other").id,))

    answers = [stranger.get(f"/v1/schedules/{made['id']}") for made in (mine, of_all)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert stranger.get("/v1/schedules").json()["items"] == []


def test_a_key_of_one_project_makes_no_schedule_of_a_tag(
    client_for: Callable[..., httpx.Client], project: Project
) -> None:
    limited = client_for(Role.ADMIN, (project.id,))

    answer = limited.post("/v1/schedules", json={"name": "n", "cron": "daily", **ANYWHERE})

    assert answer.status_code == 403


def test_schedules_are_listed_by_project(
    client: httpx.Client,
    create: Callable[..., dict[str, Any]],
    make_project: Callable[..., Project],
) -> None:
    other = make_project("other")
    create()
    mine = create(project_id=other.id)

    listed = client.get("/v1/schedules", params={"project": other.id}).json()["items"]

    assert [made["id"] for made in listed] == [mine["id"]]
