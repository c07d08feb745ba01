"""The way of one backup, in the order it went: from being asked for to what holds it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.domain.backup import Backup, Status, Step, VerificationLevel

STEPS: Final = {
    Step.PREPARE: "looked at the server",
    Step.DUMP: "dumped",
    Step.VERIFY: "read back in full",
    Step.SEAL: "described and signed",
    Step.COMPLETE: "completed",
}
"""What each step has done once it is over."""


@dataclass(frozen=True)
class Moment:
    """Hold one point of the way; `at` None where only the order is known."""

    what: str
    at: datetime | None = None
    detail: str = ""
    state: str = "done"


def timeline_of(backup: Backup, now: datetime) -> tuple[Moment, ...]:
    """Return the way of a backup, oldest first."""
    return (*_begun(backup), *_worked(backup), *_ended(backup), *_later(backup, now))


def _begun(backup: Backup) -> Iterator[Moment]:
    yield Moment("asked for", backup.created_at, f"by {backup.requested_by}")
    if backup.started_at is not None:
        # a second attempt begins the record's times anew
        detail = f"attempt {backup.attempt}" if backup.attempt > 1 else ""
        yield Moment("begun", backup.started_at, detail)


def _worked(backup: Backup) -> Iterator[Moment]:
    if backup.started_at is None:
        return
    reached = list(Step).index(backup.step)
    is_over = backup.status is Status.COMPLETED
    for number, step in enumerate(list(Step)[:-1]):
        if is_over or number < reached:
            yield Moment(STEPS[step])
        elif number == reached:
            broken = backup.status.is_terminal
            yield Moment(f"{'stopped' if broken else 'now'} at {step}", state=_state(backup))


def _ended(backup: Backup) -> Iterator[Moment]:
    if backup.status.is_terminal:
        detail = backup.error.code if backup.error is not None else ""
        yield Moment(backup.status.value, backup.completed_at, detail, _state(backup))


def _later(backup: Backup, now: datetime) -> Iterator[Moment]:
    found = backup.verification
    if found is not None and backup.status is Status.COMPLETED:
        is_proof = found.level is VerificationLevel.PROOF
        what = "restored and found equal" if is_proof else "last checked"
        yield Moment(what, found.at, f"by {found.by}")
    if backup.hold_until is not None:
        over = backup.hold_until <= now
        yield Moment("held" if over else "held until", backup.hold_until, state="ahead")
    if backup.expires_at is not None:
        yield Moment("retention lets it go", backup.expires_at, state="ahead")


def _state(backup: Backup) -> str:
    if not backup.status.is_terminal:
        return "now"
    return "done" if backup.status is Status.COMPLETED else "broken"
