"""The decisions about a restore: pure functions from a record to the writes of one commit.

They differ from a backup's in one thing. A backup that broke off leaves nothing; a restore may have
changed the target, so every end says what became of it, and one that began is never begun again.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain import runs
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import Conflict, ErrorInfo, HoldfastError, WorkerLost
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.refused_login import info_of
from chalicelib.domain.restore import Restore, RestoreReport, RestoreStep, TargetState
from chalicelib.domain.runs import Claim, Stamp, require_lease


def requested(
    restore: Restore, backup: Backup, under_way: tuple[str, ...], stamp: Stamp
) -> tuple[Write, ...]:
    """Store a new pending restore, and name it on its backup with the others under way.

    The backup's revision decides: while the restore is asked for, nobody can have deleted it.
    """
    held = backup.model_copy(update={"restores": (*under_way, restore.id)})
    return (Replace(held), Insert(restore), runs.audit(restore, stamp, "restore.requested"))


def claimed(
    restore: Restore, stamp: Stamp, *, step: RestoreStep, deadline: datetime
) -> tuple[Write, ...]:
    """Take a step under a new lease generation; the restoring itself only once.

    Nobody knows what a worker that vanished has done to the target, so there is no second attempt.
    """
    attempt = restore.attempt + (1 if step is RestoreStep.RESTORE else 0)
    writes = runs.claimed(restore, stamp, Claim(step, deadline, attempt))
    # behind the lease: what another worker is about has not vanished
    if attempt > 1:
        raise WorkerLost("the restore began before and never ended", hint=hint_of(restore))
    return writes


def completed(restore: Restore, stamp: Stamp, *, generation: int) -> tuple[Write, ...]:
    """Make the restore `completed`; its report must say that the target equals the counts."""
    require_lease(restore, generation)
    done = runs.ended(restore, Status.COMPLETED, stamp, chore=_chore(restore))
    return _terminal_writes(done, stamp)


def failed(
    restore: Restore, stamp: Stamp, error: HoldfastError, *, generation: int | None
) -> tuple[Write, ...]:
    """Make the restore `failed`, or `cancelled` when that was the cause.

    `generation` None is the sweeper over a lease that is not alive, which it has made sure of.
    """
    if generation is not None:
        require_lease(restore, generation)
    if error.code == "cancelled":
        return cancelled(restore, stamp)
    info = _told(restore, error)
    done = runs.ended(restore, Status.FAILED, stamp, error=info, chore=_chore(restore))
    return _terminal_writes(done, stamp, code=info.code, message=info.message, hint=info.hint)


def cancelled(restore: Restore, stamp: Stamp) -> tuple[Write, ...]:
    """Make the restore `cancelled`, and say what became of the target."""
    info = ErrorInfo(
        code="cancelled",
        message=f"the restore was cancelled, the target is {restore.target_state}",
        hint=hint_of(restore),
    )
    done = runs.ended(restore, Status.CANCELLED, stamp, error=info, chore=_chore(restore))
    return _terminal_writes(done, stamp)


def cancel_asked(restore: Restore, stamp: Stamp) -> tuple[Write, ...]:
    """Cancel at once what has touched nothing yet; raise the flag its worker polls otherwise."""
    if restore.status.is_terminal:
        raise Conflict(
            f"restore is already {restore.status}", hint="Only a pending or running one can stop."
        )
    if restore.status is Status.PENDING or restore.step is RestoreStep.PREPARE:
        return cancelled(restore, stamp)
    flagged = restore.model_copy(update={"cancel_requested": True})
    return (Replace(flagged), runs.audit(flagged, stamp, "restore.cancel-requested"))


def hint_of(restore: Restore) -> str:
    """Say what to do with a target after a restore that did not complete."""
    match restore.target_state:
        case TargetState.UNTOUCHED:
            return "Nothing was changed in the target; start the restore again when it suits."
        case TargetState.PARTIAL:
            return "Drop the target database or empty it, then restore into it again."
        case TargetState.RESTORED:
            return "All was restored but not compared with the backup; restore again to be sure."


def _told(restore: Restore, error: HoldfastError) -> ErrorInfo:
    info = info_of(error, restore.target.project_id)
    if restore.target_state is TargetState.UNTOUCHED and restore.report == RestoreReport():
        return info
    message = f"{info.message}; the target is {restore.target_state}"
    return ErrorInfo(code=info.code, message=message, hint=info.hint)


def _chore(restore: Restore) -> Chore | None:
    # a target of its own brought a password, which nobody needs from here on
    return Chore.CLEAN if restore.target.endpoint is not None else None


def _terminal_writes(restore: Restore, stamp: Stamp, **details: str) -> tuple[Write, ...]:
    body = {"backup_id": restore.backup_id, "target": restore.target_state.value, **details}
    return runs.terminal_writes(restore, stamp, body)
