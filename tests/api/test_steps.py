"""The way of runs over HTTP: all of it with the run, the end of it for who waits, none in lists."""

from __future__ import annotations

import httpx

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.project import Project
from chalicelib.domain.record import Replace
from chalicelib.domain.restore import Restore, RestoreOptions
from chalicelib.services.restores import NewRestore
from tests.support.completed import stored_backup
from tests.support.steps import steps_from

NAMES = ("prepare", "dump", "dump/files", "verify", "verify/proof", "seal", "complete")


def running(services: Services, project: Project, *names: str) -> Backup:
    steps = steps_from(services.ledger.clock.now(), *names, every_s=2)
    return stored_backup(
        services, project, status=Status.IN_PROGRESS, completed_at=None, steps=steps
    )


def test_a_backup_shows_all_its_steps_with_their_lengths(
    client: httpx.Client, services: Services, project: Project
) -> None:
    backup = running(services, project, *NAMES)

    steps = client.get(f"/v1/backups/{backup.id}").json()["steps"]

    assert [one["step"] for one in steps if one["phase"] is None] == [
        "prepare", "dump", "verify", "seal", "complete",
    ]  # fmt: skip
    assert [one["duration_s"] for one in steps] == [2, 4, 2, 4, 2, 2, None]
    assert steps[4] == {
        "step": "verify",
        "phase": "proof",
        "words": "proving it by a restore",
        "attempt": 1,
        "began_at": "2026-03-01T12:00:08Z",
        "duration_s": 2.0,
    }


def test_who_waits_is_told_the_last_six(
    client: httpx.Client, services: Services, project: Project
) -> None:
    backup = running(services, project, *NAMES)

    answer = client.get(f"/v1/backups/{backup.id}/progress")

    assert [one["words"] for one in answer.json()["steps"]][::5] == ["dumping", "completing"]
    assert len(answer.json()["steps"]) == 6
    assert len(answer.content) < 1500


def test_lists_leave_the_steps_out(
    client: httpx.Client, services: Services, project: Project
) -> None:
    running(services, project, *NAMES)

    (listed,) = client.get("/v1/backups").json()["items"]

    assert listed["steps"] is None


def test_a_restore_shows_its_steps_and_its_lists_do_not(
    client: httpx.Client,
    services: Services,
    backup: Backup,
    project: Project,
) -> None:
    asked = services.restores.request("test", NewRestore(backup.id, project.id, RestoreOptions()))
    steps = steps_from(asked.created_at, "prepare", "restore", "restore/fetch")
    begun = services.ledger.catalog.get(Restore, asked.id).model_copy(update={"steps": steps})
    services.ledger.catalog.commit([Replace(begun)])

    shown = client.get(f"/v1/restores/{asked.id}").json()["steps"]
    waiting = client.get(f"/v1/restores/{asked.id}/progress").json()["steps"]
    (listed,) = client.get("/v1/restores").json()["items"]

    assert [one["words"] for one in shown][1:] == ["restoring", "fetching the backup"]
    assert (waiting, listed["steps"]) == (shown, None)
