"""The decisions about a backup: pure functions from a record to the writes of one commit.

Each takes the backup as read and returns every write that belongs together: the record itself,
its audit event, and its notice for the outbox. The catalog refuses the whole commit when the
record changed in between; the caller reads again and decides again. So a clause that is checked
here (status, lease generation) holds at the moment of the write.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain import runs
from chalicelib.domain.backup import Backup, Lease, Status, Step
from chalicelib.domain.errors import (
    Cancelled,
    Conflict,
    ErrorInfo,
    HoldfastError,
    LeaseLost,
    WorkerLost,
)
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.refused_login import info_of
from chalicelib.domain.runs import Claim, Stamp, require_lease

MAX_ATTEMPTS: Final = 2
ENDING_TIME: Final = timedelta(seconds=300)
"""How long whoever ends a run has for its clean-up before the sweeper takes that over."""


def requested(backup: Backup, stamp: Stamp) -> tuple[Write, ...]:
    """Store a new pending backup."""
    return (Insert(backup), runs.audit(backup, stamp, "backup.requested"))


def claimed(backup: Backup, stamp: Stamp, *, step: Step, deadline: datetime) -> tuple[Write, ...]:
    """Take a step under a new lease generation; a dump begins a new attempt.

    Refuses finished backups, steps whose lease is alive in other hands, and a third attempt.
    """
    if backup.ending is not None and not backup.status.is_terminal:
        raise LeaseLost("the backup is being ended")
    attempt = backup.attempt + (1 if step is Step.DUMP else 0)
    writes = runs.claimed(backup, stamp, Claim(step, deadline, attempt))
    # behind the lease: while another worker is about the second try, it is not lost
    if attempt > MAX_ATTEMPTS:
        raise WorkerLost(f"the dump was tried {MAX_ATTEMPTS} times and never finished")
    return writes


def ending(
    backup: Backup, stamp: Stamp, cause: HoldfastError, *, held: Lease | None
) -> tuple[Write, ...]:
    """Fence a run that will not be finished, before anything of it is removed.

    From here on nobody goes on with it or rolls it forward, whatever its objects look like.
    Refuses unless the lease is still the one the caller saw. The first cause stays.
    """
    if backup.status.is_terminal or backup.lease != held:
        raise LeaseLost("another worker has taken this backup over")
    asked = Cancelled("the backup was cancelled") if backup.cancel_requested else cause
    lease = Lease(
        generation=(held.generation if held else 0) + 1,
        owner=stamp.actor,
        step=backup.step,
        expires_at=stamp.now + ENDING_TIME,
    )
    why = backup.ending or info_of(asked, backup.project_id)
    changed = backup.model_copy(
        update={
            # also what never began: the sweeper looks after runs, and somebody holds this one
            "status": Status.IN_PROGRESS,
            "started_at": backup.started_at or stamp.now,
            "lease": lease,
            "ending": why,
        }
    )
    return (Replace(changed),)


def ended(backup: Backup, stamp: Stamp, *, held: Lease | None) -> tuple[Write, ...]:
    """Make a fenced run `failed`, or `cancelled` when that was the cause, by who fenced it."""
    if backup.status.is_terminal or backup.ending is None or backup.lease != held:
        raise LeaseLost("another worker has taken this backup over")
    if backup.ending.code == Cancelled.code:
        return cancelled(backup, stamp)
    return _failed(backup, stamp, backup.ending)


def completed(
    backup: Backup, stamp: Stamp, *, generation: int | None, manifest_sha256: str
) -> tuple[Write, ...]:
    """Make the backup `completed`.

    `generation` None is the sweeper rolling forward a backup whose sealed manifest it has read;
    it may do so only over a lease that is not alive, which its caller has made sure of.
    """
    if generation is not None:
        require_lease(backup, generation)
    if backup.ending is not None:
        raise LeaseLost("the backup is being ended")
    done = runs.ended(backup, Status.COMPLETED, stamp, manifest_sha256=manifest_sha256)
    return _terminal_writes(done, stamp)


def _failed(backup: Backup, stamp: Stamp, info: ErrorInfo) -> tuple[Write, ...]:
    done = runs.ended(
        backup, Status.FAILED, stamp, error=info, artefacts=(), checksum=None, validated=False
    )
    return _terminal_writes(done, stamp, code=info.code, message=info.message, hint=info.hint)


def cancelled(backup: Backup, stamp: Stamp) -> tuple[Write, ...]:
    """Make the backup `cancelled`; nothing of it is kept."""
    info = ErrorInfo(
        code="cancelled",
        message="the backup was cancelled",
        hint="Nothing was kept; start a new backup when it suits.",
    )
    done = runs.ended(
        backup, Status.CANCELLED, stamp, error=info, artefacts=(), checksum=None, validated=False
    )
    return _terminal_writes(done, stamp)


def cancel_asked(backup: Backup, stamp: Stamp) -> tuple[Write, ...]:
    """Cancel at once what has stored nothing yet; raise the flag its worker polls otherwise.

    A worker in `prepare` may hang on a server that does not answer. It loses its lease by the
    cancelled record and can change nothing any more.
    """
    if backup.status.is_terminal:
        raise Conflict(
            f"backup is already {backup.status}", hint="Only a pending or running one can stop."
        )
    if backup.status is Status.PENDING or backup.step is Step.PREPARE:
        return cancelled(backup, stamp)
    flagged = backup.model_copy(update={"cancel_requested": True})
    return (Replace(flagged), runs.audit(flagged, stamp, "backup.cancel-requested"))


def _terminal_writes(backup: Backup, stamp: Stamp, **details: str) -> tuple[Write, ...]:
    return runs.terminal_writes(backup, stamp, {"name": backup.name, **details})
