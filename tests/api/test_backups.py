from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Chore, Lease, Status, Step
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.execution import Work
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Put


def test_a_request_stores_a_pending_backup_and_starts_it(
    client: httpx.Client, services: Services, project: Project
) -> None:
    wanted = {"project_id": project.id, "compression": "zstd", "tags": {"git": "4f2d"}}

    answer = client.post("/v1/backups", json=wanted)

    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (202, "pending")
    assert answer.headers["location"] == f"/v1/backups/{shown['id']}"
    assert (shown["compression"], shown["tags"]) == ("zstd", {"git": "4f2d"})
    assert services.adapters.workflow.is_running(Work.BACKUP, shown["id"])


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"type": "incremental"}, 422, "unsupported"),
        ({"components": ["database", "auth"]}, 422, "unsupported"),
        ({"components": ["roles"]}, 400, "invalid_request"),
        ({"engine": "parallel"}, 422, "unsupported"),
        ({"compression": "bzip2", "format": "custom"}, 400, "invalid_request"),
        ({"compression": "rar"}, 400, "invalid_request"),
        ({"engine": "x" * 21}, 400, "invalid_request"),
        ({"description": "a\x00b"}, 400, "invalid_request"),
        ({"description": "x" * 2001}, 400, "invalid_request"),
        ({"trigger": "cron"}, 400, "invalid_request"),
        ({"locked": True}, 400, "invalid_request"),
        ({"project_id": "nobody"}, 404, "not_found"),
        ({"project_id": "../x"}, 400, "invalid_request"),
        ({"project_id": None}, 400, "invalid_request"),
    ],
)
def test_what_cannot_be_a_backup_is_refused_and_nothing_is_stored(
    client: httpx.Client,
    project: Project,
    fields: dict[str, object],
    status: int,
    code: str,
) -> None:
    answer = client.post("/v1/backups", json={"project_id": project.id} | fields)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/v1/backups").json()["items"] == []


def test_the_same_key_and_body_give_the_same_backup(client: httpx.Client, project: Project) -> None:
    headers = {"Idempotency-Key": "deploy 42"}
    first = client.post("/v1/backups", json={"project_id": project.id}, headers=headers)

    again = client.post("/v1/backups", content=first.request.content, headers=first.request.headers)

    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert len(client.get("/v1/backups").json()["items"]) == 1


def test_the_order_of_fields_makes_no_other_body(client: httpx.Client, project: Project) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = (
        '{"project_id": "%s", "tags": {"a": "1", "b": "2"}}',
        '{"tags":{"b":"2","a":"1"},"project_id":"%s"}',
    )

    ids = {
        client.post("/v1/backups", content=body % project.id, headers=headers).json()["id"]
        for body in bodies
    }

    assert len(ids) == 1


def test_the_same_key_with_another_body_is_a_conflict(
    client: httpx.Client, project: Project
) -> None:
    headers = {"Idempotency-Key": "k"}
    client.post("/v1/backups", json={"project_id": project.id}, headers=headers)

    answer = client.post(
        "/v1/backups", json={"project_id": project.id, "type": "schema"}, headers=headers
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_two_callers_do_not_share_keys(
    client_for: Callable[..., httpx.Client], project: Project
) -> None:
    headers = {"Idempotency-Key": "k"}
    clients = (client_for(Role.OPERATOR), client_for(Role.OPERATOR))

    ids = {
        c.post("/v1/backups", json={"project_id": project.id}, headers=headers).json()["id"]
        for c in clients
    }

    assert len(ids) == 2


def test_five_requests_at_once_with_one_key_make_one_backup(
    client: httpx.Client, project: Project
) -> None:
    def ask(_: int) -> str:
        headers = {"Idempotency-Key": "at once"}
        answer = client.post("/v1/backups", json={"project_id": project.id}, headers=headers)
        return str(answer.json()["id"])

    with ThreadPoolExecutor(5) as pool:
        ids = set(pool.map(ask, range(5)))

    assert [item["id"] for item in client.get("/v1/backups").json()["items"]] == list(ids)


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\tinside"])
def test_an_idempotency_key_out_of_bounds_is_refused(
    client: httpx.Client, project: Project, key: str
) -> None:
    answer = client.post(
        "/v1/backups", json={"project_id": project.id}, headers={"Idempotency-Key": key}
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_backup_is_shown_without_lease_and_object_keys(
    client: httpx.Client, services: Services, make_backup: Callable[..., Backup], project: Project
) -> None:
    expires = services.ledger.clock.now() + timedelta(hours=1)
    lease = Lease(generation=1, owner="worker-7-secret", step=Step.DUMP, expires_at=expires)
    backup = make_backup(project, lease=lease)

    answer = client.get(f"/v1/backups/{backup.id}")

    assert "worker-7-secret" not in answer.text
    assert "projects/" not in answer.text
    assert answer.json()["artefacts"][0]["checksum"]["algorithm"] == "sha256"


def test_a_failed_backup_says_why_and_what_to_do(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    error = ErrorInfo(code="tls_failed", message="no TLS", hint="Give a root.")
    backup = make_backup(project, status=Status.FAILED, error=error)

    shown = client.get(f"/v1/backups/{backup.id}").json()

    assert shown["status"] == "failed"
    assert shown["error"] == {"code": "tls_failed", "message": "no TLS", "hint": "Give a root."}


def test_a_running_backup_shows_its_progress(
    client: httpx.Client, services: Services, make_backup: Callable[..., Backup], project: Project
) -> None:
    backup = make_backup(project, status=Status.IN_PROGRESS)
    now = services.ledger.clock.now()
    progress = Progress(id=backup.id, phase="dump", raw_bytes_done=25, raw_bytes_total=100, at=now)
    services.ledger.catalog.commit([Put(progress)])

    inline = client.get(f"/v1/backups/{backup.id}").json()["progress"]
    alone = client.get(f"/v1/backups/{backup.id}/progress").json()

    assert inline["fraction"] == 0.25
    assert alone["progress"] == inline
    assert alone["status"] == "in-progress"


def test_progress_is_null_before_there_is_any(client: httpx.Client, backup: Backup) -> None:
    answer = client.get(f"/v1/backups/{backup.id}/progress")

    assert answer.json()["progress"] is None


def test_what_people_say_of_a_backup_can_change(client: httpx.Client, backup: Backup) -> None:
    change = {"name": "kept", "description": "two\nlines", "tags": {"a": "b"}, "locked": True}

    shown = client.patch(f"/v1/backups/{backup.id}", json=change).json()

    assert {name: shown[name] for name in change} == change


@pytest.mark.parametrize(
    "body", [{}, {"locked": "yes"}, {"status": "completed"}, {"name": None}, {"validated": True}]
)
def test_what_a_backup_holds_cannot_change(
    client: httpx.Client, backup: Backup, body: dict[str, object]
) -> None:
    answer = client.patch(f"/v1/backups/{backup.id}", json=body)

    assert answer.status_code == 400
    assert client.get(f"/v1/backups/{backup.id}").json()["status"] == "completed"


def test_a_pending_backup_is_cancelled_at_once(client: httpx.Client, project: Project) -> None:
    path = client.post("/v1/backups", json={"project_id": project.id}).headers["location"]

    answer = client.post(f"{path}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.json()["error"]["code"] == "cancelled"


def test_a_running_backup_is_asked_to_stop(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    backup = make_backup(project, status=Status.IN_PROGRESS, step=Step.DUMP)

    shown = client.post(f"/v1/backups/{backup.id}/cancel").json()

    assert (shown["status"], shown["cancel_requested"]) == ("in-progress", True)


def test_a_finished_backup_cannot_be_cancelled(client: httpx.Client, backup: Backup) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/cancel", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_completed_backup_can_be_verified_by_a_job(client: httpx.Client, backup: Backup) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/verify")

    job = client.get(answer.headers["location"]).json()
    assert answer.status_code == 202
    assert (job["kind"], job["backup_id"]) == ("verify", backup.id)


def test_strict_is_refused_for_a_source_that_was_read_once(
    client: httpx.Client, backup: Backup
) -> None:
    document = client.get("/v1/openapi.json").json()

    answer = client.post(f"/v1/backups/{backup.id}/verify", json={"level": "strict"})

    documented = document["paths"]["/v1/backups/{backup_id}/verify"]["post"]["responses"]
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
    assert "422" in documented


@pytest.mark.parametrize(
    "state", [{"status": Status.FAILED}, {"chore": Chore.DELETE}, {"status": Status.PENDING}]
)
def test_what_is_not_there_cannot_be_verified(
    client: httpx.Client,
    make_backup: Callable[..., Backup],
    project: Project,
    state: dict[str, object],
) -> None:
    backup = make_backup(project, **state)

    assert client.post(f"/v1/backups/{backup.id}/verify").status_code == 409


def test_a_deleted_backup_is_gone_with_its_objects(
    client: httpx.Client, services: Services, backup: Backup
) -> None:
    answer = client.delete(f"/v1/backups/{backup.id}")

    assert answer.status_code == 204
    assert client.get(f"/v1/backups/{backup.id}").status_code == 404
    assert list(services.adapters.store.keys("projects/")) == []


@pytest.mark.parametrize("state", [{"locked": True}, {"status": Status.IN_PROGRESS}])
def test_locked_and_running_backups_cannot_be_deleted(
    client: httpx.Client,
    make_backup: Callable[..., Backup],
    project: Project,
    state: dict[str, object],
) -> None:
    backup = make_backup(project, **state)

    assert client.delete(f"/v1/backups/{backup.id}").status_code == 409
    assert client.get(f"/v1/backups/{backup.id}").status_code == 200
