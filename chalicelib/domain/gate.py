"""The gate before a migration: what a backup's record says to a migration that waits for it.

Only a completed backup that was verified as far as was asked lets the migration pass. A run that
may still get there is waited for; whatever else a record says refuses the migration, for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from chalicelib.domain.backup import (
    Asked,
    Backup,
    BackupOptions,
    BackupType,
    Chore,
    Compression,
    Format,
    MigrationId,
    Status,
    Tags,
    Trigger,
    Value,
    VerificationLevel,
)
from chalicelib.domain.errors import (
    Cancelled,
    Conflict,
    ErrorInfo,
    Internal,
    InvalidRequest,
    NotFound,
    NotVerified,
)
from chalicelib.domain.proof import ProofLevel
from chalicelib.domain.record import Id, Moment

HOLD_DAYS: Final = 30
"""How long a backup made before a migration is held, unless the request says otherwise."""
MAX_HOLD_DAYS: Final = 3650
FRESH_FOR: Final = timedelta(hours=1)
"""How long after its end a repeated request may still be answered with the same backup.

What was written since is in no backup: a later try of the migration needs one of its own.
"""
DEFAULT_TIMEOUT_S: Final = 12 * 3600
MAX_TIMEOUT_S: Final = 24 * 3600
MIN_WAIT_S: Final = 2
MAX_WAIT_S: Final = 60
_REACH: Final = {ProofLevel.COUNTS: 0, ProofLevel.DIGESTS: 1, ProofLevel.STRICT: 2}


class Verdict(StrEnum):
    """Say what a migration has to do."""

    WAIT = "wait"
    PASS = "pass"  # noqa: S105 - the word is no password
    REFUSE = "refuse"


class Judgement(Value):
    """Say whether the migration may run; `error` is why it may not."""

    verdict: Verdict
    error: ErrorInfo | None = None


class GateOptions(Value):
    """Say what backup to make before a migration, and how long to wait and to hold it.

    `verification` proof makes the gate pass a proven backup only. `timeout_s` covers everything
    from the request to the last check.
    """

    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    format: Format | None = None
    verification: Asked | None = None
    tags: Tags = {}
    hold_days: Annotated[int, Field(ge=0, le=MAX_HOLD_DAYS)] = HOLD_DAYS
    timeout_s: Annotated[int, Field(ge=1, le=MAX_TIMEOUT_S)] = DEFAULT_TIMEOUT_S

    @property
    def backup(self) -> BackupOptions:
        """The part that the backup itself needs."""
        return BackupOptions(
            type=self.type,
            compression=self.compression,
            format=self.format,
            verification=self.verification,
        )


class GateRequest(Value):
    """Ask for the backup that a migration waits for."""

    project: Id
    migration: MigrationId | None = None
    options: GateOptions = GateOptions()


class Ticket(Value):
    """Name a backup that a migration waits for, since when, and until when it will."""

    backup_id: Id
    asked_at: Moment
    deadline: Moment


def judged(backup: Backup) -> Judgement:
    """Decide whether a migration that waits for this backup may run."""
    if backup.status in {Status.PENDING, Status.IN_PROGRESS}:
        return Judgement(verdict=Verdict.WAIT)
    refusal = _refusal(backup)
    if refusal is None:
        return Judgement(verdict=Verdict.PASS)
    return Judgement(verdict=Verdict.REFUSE, error=refusal)


def _refusal(backup: Backup) -> ErrorInfo | None:
    if backup.status is not Status.COMPLETED:
        return backup.error or _nameless(backup)
    if backup.chore is Chore.DELETE:
        return NotFound("the backup is being deleted").info
    missing = _unverified(backup)
    return NotVerified(missing).info if missing else None


def _nameless(backup: Backup) -> ErrorInfo:
    if backup.status is Status.CANCELLED:
        return Cancelled("the backup was cancelled").info
    return Internal(f"the backup is {backup.status} and says no reason").info


def _unverified(backup: Backup) -> str | None:
    """Say what the backup lacks, None when it is verified as far as was asked."""
    found = backup.verification
    if not backup.validated or found is None or backup.manifest_sha256 is None:
        return "the backup did not pass its last verification"
    asked = backup.options.verification
    wanted = asked.proof_level if asked is not None else None
    if wanted is None:
        return None
    if found.level is VerificationLevel.PROOF and _REACH[found.proof or wanted] >= _REACH[wanted]:
        return None
    return "the backup was not proven: " + ("; ".join(found.reasons) or "no proof was made")


def require_fresh(backup: Backup, now: datetime) -> None:
    """Refuse to hand out, for a repeated request, a backup that says little of today's rows."""
    ended = backup.completed_at
    if backup.trigger is Trigger.PRE_MIGRATION and ended is not None and now > ended + FRESH_FOR:
        raise Conflict(
            f"the backup of this idempotency key ended more than {FRESH_FOR} ago",
            hint="Ask with a new key; what was written since is not in that backup.",
        )


def require_gate(trigger: Trigger, migration_id: str | None, hold_days: int | None) -> None:
    """Refuse what only a backup before a migration can have."""
    if trigger is Trigger.PRE_MIGRATION:
        return
    for field, value in (("migration_id", migration_id), ("hold_days", hold_days)):
        if value is not None:
            raise InvalidRequest(
                f"{field} goes with trigger {Trigger.PRE_MIGRATION} only",
                hint="Name the trigger, or lock the backup to keep it.",
                field=field,
            )


def held_until(now: datetime, hold_days: int) -> datetime | None:
    """Return the end of a hold that begins now; None for no days at all."""
    return now + timedelta(days=hold_days) if hold_days else None


def pause_s(ticket: Ticket, now: datetime) -> int:
    """Return how long to wait before the next look: a tenth of the time waited so far.

    A day of waiting is some 1,600 looks, of the 25,000 events that an execution may have.
    """
    waited_s = (now - ticket.asked_at).total_seconds()
    left_s = (ticket.deadline - now).total_seconds()
    wanted_s = min(max(waited_s / 10, MIN_WAIT_S), MAX_WAIT_S, left_s)
    # the wait of a state machine takes whole seconds, and none would be a look without pause
    return max(1, int(wanted_s))
