"""The gate over HTTP: a backup before a migration, and what it says while one polls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status, Trigger, Verification, VerificationLevel
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.project import Project
from chalicelib.domain.record import Replace

VERIFIED = {"manifest_sha256": "0" * 64, "validated": True}


@pytest.fixture
def wanted(project: Project) -> dict[str, Any]:
    return {"project_id": project.id, "trigger": "pre-migration", "migration_id": "0042"}


@pytest.fixture
def gated(make_backup: Callable[..., Backup], services: Services) -> Callable[..., Backup]:
    """Store a backup made before a migration, verified unless a field says otherwise."""
    found = Verification(
        level=VerificationLevel.ARCHIVE,
        at=services.ledger.clock.now(),
        by="pg_restore 18.6",
        report="read in full",
    )
    values = {"trigger": Trigger.PRE_MIGRATION, "verification": found, **VERIFIED}
    return lambda project, **fields: make_backup(project, **{**values, **fields})


def gate_of(client: httpx.Client, backup: Backup) -> Any:
    return client.get(f"/v1/backups/{backup.id}").json()["gate"]


def test_a_backup_before_a_migration_waits_and_is_held(
    client: httpx.Client, wanted: dict[str, Any]
) -> None:
    shown = client.post("/v1/backups", json=wanted).json()

    assert (shown["migration_id"], shown["trigger"]) == ("0042", "pre-migration")
    assert shown["hold_until"].startswith("2026-03-31T12:00:00")
    assert shown["gate"] == {"verdict": "wait", "error": None}


def test_any_other_backup_says_nothing_of_a_gate(client: httpx.Client, backup: Backup) -> None:
    assert gate_of(client, backup) is None


def test_a_verified_backup_passes(
    client: httpx.Client, project: Project, gated: Callable[..., Backup]
) -> None:
    assert gate_of(client, gated(project)) == {"verdict": "pass", "error": None}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"validated": False}, "not_verified"),
        ({"verification": None}, "not_verified"),
        (
            {
                "status": Status.FAILED,
                "error": ErrorInfo(code="dump_failed", message="it broke", hint="Mend it."),
            },
            "dump_failed",
        ),
        ({"status": Status.CANCELLED}, "cancelled"),
    ],
)
def test_anything_else_that_ended_is_refused(
    client: httpx.Client,
    project: Project,
    gated: Callable[..., Backup],
    fields: dict[str, Any],
    code: str,
) -> None:
    gate = gate_of(client, gated(project, **fields))

    assert (gate["verdict"], gate["error"]["code"]) == ("refuse", code)


def test_a_repeated_key_is_the_same_backup_while_it_is_fresh(
    client: httpx.Client, wanted: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "deploy-9"}

    ids = {client.post("/v1/backups", json=wanted, headers=key).json()["id"] for _ in range(2)}

    assert len(ids) == 1


def test_a_repeated_key_is_a_conflict_once_its_backup_is_an_hour_old(
    client: httpx.Client,
    services: Services,
    wanted: dict[str, Any],
    advance: Callable[[timedelta], None],
) -> None:
    key = {"Idempotency-Key": "deploy-9"}
    made = client.post("/v1/backups", json=wanted, headers=key).json()
    backup = services.backups.get(made["id"])
    done = {"status": Status.COMPLETED, "completed_at": services.ledger.clock.now(), **VERIFIED}
    services.ledger.catalog.commit([Replace(backup.model_copy(update=done))])
    advance(timedelta(hours=2))

    answer = client.post("/v1/backups", json=wanted, headers=key)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "fields",
    [
        {"trigger": "manual"},
        {"trigger": "manual", "migration_id": None, "hold_days": 3},
        {"migration_id": ""},
        {"migration_id": "two\nlines"},
        {"migration_id": "x" * 201},
        {"hold_days": -1},
        {"hold_days": 3651},
        {"hold_days": 1.5},
        {"hold_days": "many"},
    ],
)
def test_what_cannot_be_a_gate_is_refused(
    client: httpx.Client, wanted: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = client.post("/v1/backups", json=wanted | fields)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert client.get("/v1/backups").json()["items"] == []


def test_a_held_backup_is_deleted_only_once_it_is_released(
    client: httpx.Client, project: Project, gated: Callable[..., Backup], services: Services
) -> None:
    until = services.ledger.clock.now() + timedelta(days=1)
    path = f"/v1/backups/{gated(project, hold_until=until).id}"
    refused = client.delete(path)

    released = client.patch(path, json={"hold_days": 0})

    assert (refused.status_code, released.json()["hold_until"]) == (409, None)
    assert client.delete(path).status_code == 204
