"""The way of one run, in the order it went: from being asked for to what holds it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from chalicelib.domain.backup import Backup, Status, Step, VerificationLevel
from chalicelib.domain.restore import Restore
from chalicelib.domain.run_steps import StepBegun, StepTaken, timed, words_of
from chalicelib.domain.runs import Run


@dataclass(frozen=True)
class Moment:
    """Hold one point of the way; `at` None where only the order is known.

    A `step` took `took_s` seconds, None while it goes on; a `phase` is part of the step before.
    """

    what: str
    at: datetime | None = None
    detail: str = ""
    state: str = "done"
    kind: str = "moment"
    took_s: float | None = None


def timeline_of(backup: Backup, now: datetime) -> tuple[Moment, ...]:
    """Return the way of a backup, oldest first."""
    worked = _worked(backup) if backup.steps else _guessed(backup)
    return (*_begun(backup), *worked, *_ended(backup), *_later(backup, now))


def restore_timeline_of(restore: Restore) -> tuple[Moment, ...]:
    """Return the way of a restore, oldest first."""
    return (*_begun(restore), *_worked(restore), *_ended(restore))


def _begun(run: Run) -> Iterator[Moment]:
    yield Moment("asked for", run.created_at, f"by {run.requested_by}")
    if run.started_at is not None:
        yield Moment("begun", run.started_at)


def _worked(run: Run) -> Iterator[Moment]:
    if run.steps and run.started_at is not None and run.steps[0].began_at > run.started_at:
        yield Moment("earlier steps are not kept", state="ahead")
    groups = _groups(timed(run.steps, run.completed_at))
    told = 0
    for group, following in zip_longest(groups, groups[1:]):
        if _is_end(run, group[0].begun):
            continue
        again = following is not None and following[0].begun.step == group[0].begun.step
        state = "broken" if again else "done" if following else _state(run)
        attempt = group[0].begun.attempt
        detail = f"attempt {attempt}" if attempt > told and run.attempt > 1 else ""
        told = max(told, attempt)
        yield from _told(run, group, state, detail)


def _groups(taken: tuple[StepTaken, ...]) -> tuple[tuple[StepTaken, ...], ...]:
    """Return each step with its phases behind it."""
    groups: list[tuple[StepTaken, ...]] = []
    for one in taken:
        if one.begun.phase is None or not groups:
            groups.append((one,))
        else:
            groups[-1] = (*groups[-1], one)
    return tuple(groups)


def _is_end(run: Run, begun: StepBegun) -> bool:
    # where that step ends the backup is completed, which has a line of its own
    return run.status is Status.COMPLETED and begun.step == Step.COMPLETE


def _told(run: Run, group: tuple[StepTaken, ...], state: str, detail: str) -> Iterator[Moment]:
    for number, one in enumerate(group):
        is_where_it_stands = number in {0, len(group) - 1}
        yield Moment(
            words_of(run.kind, one.begun),
            one.begun.began_at,
            detail if number == 0 else "",
            state if is_where_it_stands else "done",
            kind="phase" if one.begun.phase else "step",
            took_s=one.duration_s,
        )


def _guessed(backup: Backup) -> Iterator[Moment]:
    """Return the steps of a backup from before their times were kept."""
    if backup.started_at is None:
        return
    reached = list(Step).index(backup.step)
    is_over = backup.status is Status.COMPLETED
    for number, step in enumerate(list(Step)[:-1]):
        begun = StepBegun(step=step.value, attempt=backup.attempt, began_at=backup.started_at)
        what = words_of(backup.kind, begun)
        if is_over or number < reached:
            yield Moment(what)
        elif number == reached:
            yield Moment(what, state=_state(backup))


def _ended(run: Run) -> Iterator[Moment]:
    if run.status.is_terminal:
        detail = run.error.code if run.error is not None else ""
        yield Moment(run.status.value, run.completed_at, detail, _state(run))


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


def _state(run: Run) -> str:
    if not run.status.is_terminal:
        return "now"
    return "done" if run.status is Status.COMPLETED else "broken"
