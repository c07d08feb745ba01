"""The way of one backup."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.dashboard.timeline import timeline_of
from chalicelib.domain.backup import Backup, Status, Step, Verification, VerificationLevel
from chalicelib.domain.errors import ErrorInfo
from tests.support.rollups import NOW


def a_backup(**fields: object) -> Backup:
    given: dict[str, object] = {
        "id": "01B", "project_id": "01P", "name": "nightly", "requested_by": "key:1",
        "created_at": NOW, "started_at": NOW, "status": Status.IN_PROGRESS, "attempt": 1,
    }  # fmt: skip
    return Backup.model_validate(given | fields)


def told(backup: Backup) -> list[tuple[str, str]]:
    return [(one.what, one.state) for one in timeline_of(backup, NOW)]


def test_a_waiting_backup_was_only_asked_for() -> None:
    assert told(a_backup(status=Status.PENDING, started_at=None)) == [("asked for", "done")]


def test_a_running_backup_says_where_it_is() -> None:
    assert told(a_backup(step=Step.VERIFY))[-2:] == [("dumped", "done"), ("now at verify", "now")]


def test_a_failed_backup_says_where_and_why_it_stopped() -> None:
    error = ErrorInfo(code="source_lost", message="m", hint="h")

    way = timeline_of(a_backup(step=Step.DUMP, status=Status.FAILED, error=error), NOW)

    assert [(one.what, one.state) for one in way][-2:] == [
        ("stopped at dump", "broken"),
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
        "looked at the server", "dumped", "read back in full", "described and signed",
        "completed", said,
    ]  # fmt: skip


def test_what_holds_it_lies_ahead() -> None:
    held = a_backup(status=Status.COMPLETED, hold_until=NOW + timedelta(days=1))

    assert told(held)[-1] == ("held until", "ahead")
