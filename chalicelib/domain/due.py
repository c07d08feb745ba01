"""The decisions about a run that is due: pure functions from records to what is written.

A run that could not be had in time is missed. Of all that were missed in a row only the latest is
made up for: ten backups of one database one behind the other help nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final

from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.errors import ErrorInfo, HoldfastError
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.runs import Stamp
from chalicelib.domain.schedule import (
    ExpectedRun,
    LastRun,
    NextRun,
    RunState,
    Schedule,
    expected_run,
)

MAX_NAMED: Final = 20
"""How many missed instants a record and a notice name one by one."""
MAX_COUNTED: Final = 10_000
CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""By how much the clocks of two machines may differ while both are believed."""
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Lost:
    """Name the instants for which nothing ran in time.

    `count` is MAX_COUNTED where there are so many or more; `instants` are the first ones.
    """

    instants: tuple[datetime, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Verdict:
    """Say which run is to be had now, whether it is late, and which were missed."""

    run: NextRun
    late: bool
    lost: Lost


NOTHING_LOST: Final = Lost()


def judged(schedule: Schedule, run: ExpectedRun, now: datetime, grace: timedelta) -> Verdict:
    """Judge a run that is due: the latest one due by now is to be had, all before it were missed.

    Also the latest counts as missed when it is later than the grace; it is had nevertheless.
    """
    latest = _latest(schedule, run, now)
    late = now - latest.due_at > grace
    gone = chain(_before(schedule, run, latest), [latest.expected_at] if late else [])
    missed = tuple(islice(gone, MAX_COUNTED))
    return Verdict(latest, late, Lost(missed[:MAX_NAMED], len(missed)))


def floor_of(schedule: Schedule, now: datetime) -> datetime:
    """Return behind which moment a changed schedule is planned anew.

    What ran already does not run again when a clock is set back a little. A run far ahead of the
    clock was had while the clock was wrong, and is no reason to wait until then.
    """
    last = schedule.last.expected_at if schedule.last else now
    return last if now < last <= now + CLOCK_TOLERANCE else now


def advanced(
    following: Schedule, run: ExpectedRun, had: ExpectedRun, lost: Lost
) -> tuple[Schedule, tuple[Write, ...]]:
    """Settle a run and expect the next one, together.

    `following` is the schedule with its next run planned, `had` the run that was judged to be had,
    settled. Where that is not the one the calendar held, the held one is written off as missed.
    """
    after = following.model_copy(update={"last": _last(had)})
    writes: list[Write] = [Replace(after)]
    if had.id == run.id:
        writes.append(Replace(had))
    else:
        off = {"state": RunState.MISSED, "settled_at": had.settled_at, **_missed(lost)}
        writes += [Replace(run.model_copy(update=off)), Insert(had)]
    if after.next is not None:
        writes.append(Insert(expected_run(after, after.next)))
    return after, tuple(writes)


def to_be_had(schedule: Schedule, run: ExpectedRun, verdict: Verdict) -> ExpectedRun:
    """Return the calendar's entry of the run that is to be had."""
    same = verdict.run.run_id == run.id
    entry = run if same else expected_run(schedule, verdict.run)
    told = _missed(verdict.lost) if same else {}
    return entry.model_copy(update={"late": verdict.late, **told})


def settled(run: ExpectedRun, state: RunState, now: datetime, **update: object) -> ExpectedRun:
    """Return a run with what became of it."""
    return run.model_copy(update={"state": state, "settled_at": now, **update})


def disabled(
    schedule: Schedule, run: ExpectedRun, stamp: Stamp, why: HoldfastError
) -> tuple[Schedule, ExpectedRun, tuple[Write, ...]]:
    """Take a schedule out of use that can never run again, and tell."""
    dropped = settled(run, RunState.DROPPED, stamp.now, reason=why.message)
    update = {
        "enabled": False,
        "next": None,
        "last": _last(dropped),
        "updated_at": stamp.now,
        "disabled_because": why.info,
    }
    after = schedule.model_copy(update=update)
    body = {"name": schedule.name, "code": why.code, "message": why.message}
    notes = told(schedule, stamp, "schedule.disabled", body)
    return after, dropped, (Replace(after), Replace(dropped), *notes)


def missed(
    schedule: Schedule, had: ExpectedRun, stamp: Stamp, lost: Lost, why: ErrorInfo | None
) -> list[Write]:
    """Return what is remembered and told of missed runs: nothing where none was.

    `why` is set where also the run that was to be had could not be, and will not be tried again.
    """
    instants = lost.instants
    if why is not None and had.expected_at not in instants:
        instants = (*instants, had.expected_at)[-MAX_NAMED:]
    if not instants:
        return []
    body = {
        "name": schedule.name,
        "missed": ", ".join(f"{instant:%Y-%m-%dT%H:%MZ}" for instant in instants),
        "missed_count": str(max(lost.count, len(instants))),
        "message": why.message if why else "they could not run at their time",
        "backup_id": had.backup_id or "",
    }
    return told(schedule, stamp, "backup.missed", body)


def told(schedule: Schedule, stamp: Stamp, event: str, body: dict[str, str]) -> list[Write]:
    """Return the audit event and the notice of something that befell a schedule."""
    project_id = schedule.project_id or ""
    return [
        Insert(
            AuditEvent(
                id=stamp.audit_id,
                at=stamp.now,
                actor=stamp.actor,
                action=event,
                subject_id=schedule.id,
                project_id=project_id,
                details=body,
            )
        ),
        Insert(
            Notice(
                id=stamp.notice_id,
                at=stamp.now,
                event=event,
                subject_id=schedule.id,
                project_id=project_id,
                body=body,
            )
        ),
    ]


def _latest(schedule: Schedule, run: ExpectedRun, now: datetime) -> NextRun:
    until = now
    # the latest instant may still have its jitter ahead; the one before it has not
    for _ in range(2):
        instant = schedule.timetable.latest(run.expected_at, until)
        if instant is None:
            break
        found = schedule.run_at(instant)
        if found.due_at <= now:
            return found
        until = instant - _MOMENT
    return NextRun(run_id=run.id, expected_at=run.expected_at, due_at=run.due_at)


def _before(schedule: Schedule, run: ExpectedRun, latest: NextRun) -> Iterator[datetime]:
    if latest.expected_at <= run.expected_at:
        return
    yield run.expected_at
    yield from schedule.timetable.between(run.expected_at, latest.expected_at - _MOMENT)


def _missed(lost: Lost) -> dict[str, object]:
    return {"missed": lost.instants, "missed_count": lost.count}


def _last(run: ExpectedRun) -> LastRun:
    return LastRun(
        run_id=run.id,
        expected_at=run.expected_at,
        at=run.settled_at or run.due_at,
        state=run.state,
        reason=run.reason,
        backup_id=run.backup_id,
    )
