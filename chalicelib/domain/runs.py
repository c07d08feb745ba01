"""What every run under leases shares: who may go on with it, how it ends, what is told of it.

A run is a record that a worker takes from pending to an end, a backup or a restore. `moves` and
`restore_moves` hold the decisions of each; this module holds what is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import MOVES, Backup, Lease, Status
from chalicelib.domain.errors import (
    Conflict,
    DeadlineExceeded,
    HoldfastError,
    LeaseLost,
    WorkerLost,
)
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.restore import Restore
from chalicelib.domain.run_steps import StepBegun, noted

Run = Backup | Restore
R = TypeVar("R", Backup, Restore)

LEASE_GRACE: Final = timedelta(seconds=60)
"""A lease outlives its step's deadline by this much, so that a worker that stops in time is never
taken for lost."""


@dataclass(frozen=True)
class Stamp:
    """Carry what a decision must not fetch by itself: the time, the actor, fresh ids."""

    now: datetime
    actor: str
    audit_id: str
    notice_id: str


@dataclass(frozen=True)
class Claim:
    """Say which step a worker wants, until when, and which attempt at the work it would be."""

    step: StrEnum
    deadline: datetime
    attempt: int


def claimed(run: R, stamp: Stamp, claim: Claim) -> tuple[Write, ...]:
    """Take a step under a new lease generation.

    Refuses finished runs, and steps whose lease is alive in other hands.
    """
    if run.status.is_terminal:
        raise Conflict(f"{run.kind} is already {run.status}")
    held = run.lease
    # a worker that tries its step again need not wait for itself
    if held is not None and held.owner != stamp.actor and held.expires_at > stamp.now:
        raise LeaseLost(f"{held.step} is held by another worker until {held.expires_at:%H:%M:%S}Z")
    lease = Lease(
        generation=(held.generation if held else 0) + 1,
        owner=stamp.actor,
        step=claim.step,
        expires_at=claim.deadline + LEASE_GRACE,
    )
    begun = StepBegun(step=claim.step.value, attempt=claim.attempt, began_at=stamp.now)
    changed = run.model_copy(
        update={
            "status": Status.IN_PROGRESS,
            "started_at": run.started_at or stamp.now,
            "step": claim.step,
            "attempt": claim.attempt,
            "steps": noted(run.steps, begun),
            "lease": lease,
        }
    )
    if run.status is Status.PENDING:
        return (Replace(changed), audit(changed, stamp, f"{run.kind}.started"))
    return (Replace(changed),)


def require_lease(run: Run, generation: int) -> None:
    """Refuse with `LeaseLost` unless the run goes on under exactly this lease generation."""
    if run.status is not Status.IN_PROGRESS:
        raise LeaseLost(f"{run.kind} is {run.status}")
    if run.lease is None or run.lease.generation != generation:
        raise LeaseLost(f"another worker has taken this {run.kind} over")


def phase_begun(run: Run, generation: int, phase: str, now: datetime) -> tuple[Write, ...]:
    """Note that a phase began inside the step at hand, while its lease holds.

    One that is noted last already writes nothing.
    """
    require_lease(run, generation)
    if run.steps and run.steps[-1].name == phase:
        return ()
    begun = StepBegun(step=run.step.value, phase=phase, attempt=run.attempt, began_at=now)
    return (Replace(run.model_copy(update={"steps": noted(run.steps, begun)})),)


def advanced(run: R, generation: int, **results: object) -> tuple[Write, ...]:
    """Keep what a step found out, while its lease holds."""
    require_lease(run, generation)
    return (Replace(run.model_copy(update=results)),)


def ended(run: R, status: Status, stamp: Stamp, **update: object) -> R:
    """Return the run in a final state, its lease gone; Conflict when it may not go there."""
    if status not in MOVES[run.status]:
        raise Conflict(f"{run.kind} is {run.status} and cannot become {status}")
    started = run.started_at
    return run.model_copy(
        update={
            "status": status,
            "completed_at": stamp.now,
            "duration_s": (stamp.now - started).total_seconds() if started else None,
            "lease": None,
            **update,
        }
    )


def is_overdue(run: Run, now: datetime) -> bool:
    """Tell whether a run is under way although its lease is over."""
    held = run.lease
    return run.status is Status.IN_PROGRESS and held is not None and now >= held.expires_at


def seized(run: R, stamp: Stamp) -> tuple[Write, ...]:
    """Take an overdue lease from its holder, who then can change nothing; leave any other.

    The step stays, for it says what was lost; `taken` says that its time was over.
    """
    held = run.lease
    if held is None or not is_overdue(run, stamp.now):
        return ()
    # with a time of its own, for a worker that wakes may claim what has run out
    update = {
        "generation": held.generation + 1,
        "owner": stamp.actor,
        "expires_at": stamp.now + LEASE_GRACE,
        "taken": True,
    }
    return (Replace(run.model_copy(update={"lease": held.model_copy(update=update)})),)


def lost(run: Run, now: datetime) -> HoldfastError:
    """Say what became of a run whose worker is gone."""
    held = run.lease
    if held is not None and (held.taken or now >= held.expires_at):
        return DeadlineExceeded(
            f"{held.step} did not end within its time", hint=WorkerLost.default_hint
        )
    return WorkerLost("the worker ended without a word")


def terminal_writes(run: Run, stamp: Stamp, body: dict[str, str]) -> tuple[Write, ...]:
    """Return what an end writes: the record, its audit event, its notice for the outbox.

    `body` is what the notice tells besides the status; code and message go into the audit too.
    """
    event = f"{run.kind}.{run.status}"
    notice = Notice(
        id=stamp.notice_id,
        at=stamp.now,
        event=event,
        subject_id=run.id,
        project_id=run.project_id,
        body={"status": run.status.value, **body},
    )
    details = {name: body[name] for name in ("code", "message") if name in body}
    return (Replace(run), audit(run, stamp, event, **details), Insert(notice))


def audit(run: Run, stamp: Stamp, action: str, **details: str) -> Insert:
    """Return the write that remembers who did what."""
    return Insert(
        AuditEvent(
            id=stamp.audit_id,
            at=stamp.now,
            actor=stamp.actor,
            action=action,
            subject_id=run.id,
            project_id=run.project_id,
            details=details,
        )
    )
