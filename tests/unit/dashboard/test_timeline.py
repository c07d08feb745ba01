"""The way of one backup."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.dashboard.timeline import restore_timeline_of, timeline_of
from chalicelib.domain.backup import Backup, Status, Step, Verification, VerificationLevel
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.restore import Restore
from tests.support.rollups import NOW
from tests.support.steps import steps_from


def a_backup(**fields: object) -> Backup:
    given: dict[str, object] = {
        "id": "01B", "project_id": "01P", "name": "nightly", "requested_by": "key:1",
        "created_at": NOW, "started_at": NOW, "status": Status.IN_PROGRESS, "attempt": 1,
    }  # fmt: skip
    return Backup.model_validate(given | fields)


def a_restore(**fields: object) -> Restore:
    given: dict[str, object] = {
        "id": "01R", "project_id": "01P", "backup_id": "01B", "target": {"project_id": "01P"},
        "requested_by": "key:1", "created_at": NOW, "started_at": NOW, "attempt": 1,
        "status": Status.IN_PROGRESS,
    }  # fmt: skip
    return Restore.model_validate(given | fields)


def worked(run: Backup | Restore) -> list[tuple[str, str, float | None]]:
    way = timeline_of(run, NOW) if isinstance(run, Backup) else restore_timeline_of(run)
    return [(one.what, one.state, one.took_s) for one in way if one.kind != "moment"]


def told(backup: Backup) -> list[tuple[str, str]]:
    return [(one.what, one.state) for one in timeline_of(backup, NOW)]


def test_a_waiting_backup_was_only_asked_for() -> None:
    assert told(a_backup(status=Status.PENDING, started_at=None)) == [("asked for", "done")]


def test_a_running_backup_says_where_it_is() -> None:
    assert told(a_backup(step=Step.VERIFY))[-2:] == [
        ("dumping", "done"),
        ("reading it back", "now"),
    ]


def test_a_failed_backup_says_where_and_why_it_stopped() -> None:
    error = ErrorInfo(code="source_lost", message="m", hint="h")

    way = timeline_of(a_backup(step=Step.DUMP, status=Status.FAILED, error=error), NOW)

    assert [(one.what, one.state) for one in way][-2:] == [
        ("dumping", "broken"),
        ("failed", "broken"),
    ]
    assert way[-1].detail == "source_lost"


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (VerificationLevel.ARCHIVE, "last checked"),
        (VerificationLevel.PROOF, "restored and found equal"),
    ],
)
def test_a_completed_backup_went_all_the_way_and_was_checked(
    level: VerificationLevel, said: str
) -> None:
    checked = Verification(level=level, at=NOW, by="PostgreSQL 18", report="equal")

    way = told(a_backup(step=Step.COMPLETE, status=Status.COMPLETED, verification=checked))

    assert [what for what, _ in way][2:] == [
        "looking at the server", "dumping", "reading it back", "describing and signing",
        "completed", said,
    ]  # fmt: skip


def test_what_holds_it_lies_ahead() -> None:
    held = a_backup(status=Status.COMPLETED, hold_until=NOW + timedelta(days=1))

    assert told(held)[-1] == ("held until", "ahead")


def test_each_step_says_how_long_it_took() -> None:
    steps = steps_from(NOW, "prepare,0", "dump", "verify", "verify/proof")

    assert worked(a_backup(step=Step.VERIFY, steps=steps)) == [
        ("looking at the server", "done", 1),
        ("dumping", "done", 1),
        ("reading it back", "now", None),
        ("proving it by a restore", "now", None),
    ]


def test_attempts_are_told_apart() -> None:
    steps = steps_from(NOW, "prepare,0", "dump", "dump/files", "dump,2", "verify,2")

    way = timeline_of(a_backup(attempt=2, step=Step.VERIFY, steps=steps), NOW)

    assert [(one.what, one.detail, one.state) for one in way if one.kind != "moment"] == [
        ("looking at the server", "", "done"),
        ("dumping", "attempt 1", "broken"),
        ("copying files", "", "broken"),
        ("dumping", "attempt 2", "done"),
        ("reading it back", "", "now"),
    ]


def test_where_a_run_failed_is_marked() -> None:
    steps = steps_from(NOW, "prepare,0", "dump")
    ended_at = NOW + timedelta(seconds=9)

    failed = a_backup(step=Step.DUMP, steps=steps, status=Status.FAILED, completed_at=ended_at)

    assert worked(failed)[-1] == ("dumping", "broken", 8)


def test_a_completed_backup_says_so_once() -> None:
    steps = steps_from(NOW, "prepare,0", "dump", "verify", "seal", "complete")
    ended_at = NOW + timedelta(seconds=9)

    done = a_backup(steps=steps, status=Status.COMPLETED, completed_at=ended_at)

    assert [what for what, _ in told(done)][-2:] == ["describing and signing", "completed"]


def test_steps_that_had_to_go_are_said_to_be_missing() -> None:
    assert ("earlier steps are not kept", "ahead") in told(
        a_backup(steps=steps_from(NOW + timedelta(seconds=60), "verify"))
    )


def test_a_restore_shows_its_phases() -> None:
    steps = steps_from(NOW, "prepare,0", "restore", "restore/fetch", "restore/compare")
    ended_at = NOW + timedelta(seconds=5)

    done = a_restore(steps=steps, status=Status.COMPLETED, completed_at=ended_at)

    assert worked(done) == [
        ("checking the manifest", "done", 1),
        ("restoring", "done", 4),
        ("fetching the backup", "done", 1),
        ("comparing", "done", 2),
    ]
