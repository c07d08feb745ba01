"""Restores over HTTP: who may ask for what, what is stored, what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.execution import Work
from chalicelib.domain.project import Project
from chalicelib.domain.record import Replace

URL = "postgresql://owner:canary-91fe@db.example.org:5432/copy"
CONFIRM = "db.example.org/copy"


def asked(backup: Backup, project: Project, **fields: Any) -> dict[str, Any]:
    return {"backup_id": backup.id, "target": {"project_id": project.id}, **fields}


def test_a_restore_is_stored_and_queued(
    client: httpx.Client, services: Services, backup: Backup, project: Project
) -> None:
    answer = client.post("/v1/restores", json=asked(backup, project, tables=["public.orders"]))

    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (202, "pending")
    assert answer.headers["Location"] == f"/v1/restores/{shown['id']}"
    assert shown["options"]["selection"]["tables"] == ["public.orders"]
    assert services.adapters.workflow.is_running(Work.RESTORE, shown["id"])


def test_the_same_key_and_body_give_the_first_restore(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [
        client.post("/v1/restores", json=asked(backup, project), headers=headers) for _ in range(2)
    ]

    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_the_same_key_with_another_target_is_a_conflict(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    headers = {"Idempotency-Key": "once"}
    client.post("/v1/restores", json=asked(backup, project), headers=headers)

    other = {"backup_id": backup.id, "target": {"url": URL}}
    answer = client.post("/v1/restores", json=other, headers=headers)

    assert answer.status_code == 409


def test_a_password_is_kept_in_the_secrets_and_shown_nowhere(
    client: httpx.Client, services: Services, backup: Backup
) -> None:
    body = {"backup_id": backup.id, "target": {"url": URL}}
    answer = client.post("/v1/restores", json=body)

    restore = services.restores.get(answer.json()["id"])
    assert services.adapters.secrets.get(restore.secret_name) == "canary-91fe"
    assert "canary" not in answer.text + restore.model_dump_json()


@pytest.mark.parametrize(
    "body",
    [
        {"target": {"url": URL}},
        {"clean": True, "confirmation": CONFIRM},
    ],
    ids=["a bare connection", "clean"],
)
def test_what_no_project_bounds_needs_an_admin(
    client_for: Callable[..., httpx.Client],
    backup: Backup,
    project: Project,
    body: dict[str, Any],
) -> None:
    answer = client_for(Role.OPERATOR).post("/v1/restores", json=asked(backup, project) | body)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_operator_restores_into_a_project(
    client_for: Callable[..., httpx.Client], backup: Backup, project: Project
) -> None:
    answer = client_for(Role.OPERATOR).post("/v1/restores", json=asked(backup, project))

    assert answer.status_code == 202


def test_a_target_out_of_sight_is_as_good_as_none(
    client_for: Callable[..., httpx.Client], client: httpx.Client, backup: Backup, project: Project
) -> None:
    hidden = client.post("/v1/projects", json={"url": URL}).json()["id"]
    limited = client_for(Role.OPERATOR, projects=(project.id,))

    body = {"backup_id": backup.id, "target": {"project_id": hidden}}
    answer = limited.post("/v1/restores", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_backup_out_of_sight_is_as_good_as_none(
    client_for: Callable[..., httpx.Client], client: httpx.Client, backup: Backup
) -> None:
    other = client.post("/v1/projects", json={"url": URL}).json()["id"]
    limited = client_for(Role.OPERATOR, projects=(other,))

    body = {"backup_id": backup.id, "target": {"project_id": other}}
    answer = limited.post("/v1/restores", json=body)

    assert answer.status_code == 404


def test_parts_of_a_platform_are_refused_for_a_database_alone(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    answer = client.post("/v1/restores", json=asked(backup, project, components=["auth"]))

    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
    assert "takes no auth" in answer.json()["detail"]


@pytest.mark.parametrize("confirmation", [None, "copy", "db.example.org/other"])
def test_clean_needs_the_name_of_the_target(
    client: httpx.Client, backup: Backup, confirmation: str | None
) -> None:
    body = {"backup_id": backup.id, "target": {"url": URL}, "clean": True}
    answer = client.post("/v1/restores", json=body | {"confirmation": confirmation})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert CONFIRM in answer.json()["hint"]


@pytest.mark.parametrize(
    "fields",
    [
        {"target": {}},
        {"target": {"project_id": "01JD", "url": URL}},
        {"target": {"database": "copy"}},
        {"schema_only": True, "data_only": True},
        {"jobs": 0},
        {"tables": [""]},
        {"colour": "red"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(
    client: httpx.Client, backup: Backup, project: Project, fields: dict[str, Any]
) -> None:
    answer = client.post("/v1/restores", json=asked(backup, project) | fields)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_only_a_completed_backup_can_be_restored(
    client: httpx.Client, services: Services, backup: Backup, project: Project
) -> None:
    stored = services.backups.get(backup.id)
    failed = stored.model_copy(update={"status": Status.FAILED})
    services.adapters.catalog.commit([Replace(failed)])

    answer = client.post("/v1/restores", json=asked(backup, project))

    assert answer.status_code == 409


def test_a_preflight_is_a_job(client: httpx.Client, backup: Backup, project: Project) -> None:
    answer = client.post("/v1/restores/preflight", json=asked(backup, project))

    shown = answer.json()
    assert (answer.status_code, shown["kind"]) == (202, "preflight")
    assert answer.headers["Location"] == f"/v1/jobs/{shown['id']}"


def test_a_pending_restore_is_cancelled_at_once(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    restore = client.post("/v1/restores", json=asked(backup, project)).json()

    cancelled = client.post(f"/v1/restores/{restore['id']}/cancel").json()

    assert (cancelled["status"], cancelled["target_state"]) == ("cancelled", "untouched")


def test_restores_are_listed_newest_first(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    ids = [client.post("/v1/restores", json=asked(backup, project)).json()["id"] for _ in range(3)]

    first = client.get("/v1/restores", params={"limit": 2, "backup": backup.id}).json()
    rest = client.get(
        "/v1/restores", params={"limit": 2, "backup": backup.id, "cursor": first["next_cursor"]}
    ).json()

    listed = [item["id"] for item in first["items"] + rest["items"]]
    assert listed == ids[::-1]


def test_progress_is_null_before_there_is_any(
    client: httpx.Client, backup: Backup, project: Project
) -> None:
    restore = client.post("/v1/restores", json=asked(backup, project)).json()

    shown = client.get(f"/v1/restores/{restore['id']}/progress").json()

    assert (shown["status"], shown["progress"]) == ("pending", None)
