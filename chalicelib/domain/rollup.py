"""Daily rollups: what statistics are made of, written in the commit of the move they count.

A day of a project is spread over SHARDS records by the ids of audit events, so that runs and
redemptions of one moment seldom wait for each other's revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final
from zlib import crc32

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Status, Value, VerificationLevel
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.record import Id, Insert, Moment, Put, Record, Replace, Write

SHARDS: Final = 4


class Tally(Value):
    """Count what ended, and add up durations in seconds and sizes in bytes of what completed."""

    backups_completed: int = 0
    backups_failed: int = 0
    backups_cancelled: int = 0
    backup_duration_s: float = 0.0
    backup_raw_bytes: int = 0
    backup_stored_bytes: int = 0
    proofs_passed: int = 0
    proofs_failed: int = 0
    restores_completed: int = 0
    restores_failed: int = 0
    restores_cancelled: int = 0
    links_redeemed: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return both together."""
        return total((self, other))


class DayTally(Record):
    """Hold a part of what one project did on one day, UTC; ids sort by day."""

    kind: ClassVar[str] = "day-tally"
    indexes: ClassVar[tuple[str, ...]] = ("project_id",)

    project_id: Id
    day: str
    tally: Tally = Tally()


class LastSuccess(Record):
    """Remember the last completed backup of a project, whose id it has; see `last_success`."""

    kind: ClassVar[str] = "last-success"

    backup_id: Id
    at: Moment
    duration_s: float | None
    raw_bytes: int | None
    stored_bytes: int | None


BACKUP_ENDINGS: Final = frozenset({"backup.completed", "backup.failed", "backup.cancelled"})
COUNTED_ONCE: Final = {
    "backup.proven": Tally(proofs_passed=1),
    "backup.unproven": Tally(proofs_failed=1),
    "restore.completed": Tally(restores_completed=1),
    "restore.failed": Tally(restores_failed=1),
    "restore.cancelled": Tally(restores_cancelled=1),
    "link.redeemed": Tally(links_redeemed=1),
}


class Counted(Value):
    """Say what a commit adds to which day of which project."""

    event_id: str
    project_id: str
    tally: Tally


def counted(writes: Sequence[Write]) -> Counted | None:
    """Return what a commit is worth counting; what ends something writes its audit event."""
    for event in events_of(writes):
        tally = _tally(event, writes)
        if tally is not None and event.project_id:
            return Counted(event_id=event.id, project_id=event.project_id, tally=tally)
    return None


def day_of(moment: datetime) -> str:
    """Return the day, UTC, as days are named."""
    return f"{moment:%Y-%m-%d}"


def tally_id(what: Counted, now: datetime) -> str:
    """Return the id of the part of a day that counts this."""
    return f"{day_of(now)}-{what.project_id}-{crc32(what.event_id.encode()) % SHARDS}"


def tally_writes(what: Counted, found: DayTally | None, now: datetime) -> tuple[Write, ...]:
    """Return the write that adds to what was found, or begins it."""
    if found is None:
        begun = DayTally(
            id=tally_id(what, now), project_id=what.project_id, day=day_of(now), tally=what.tally
        )
        return (Insert(begun),)
    return (Replace(found.model_copy(update={"tally": found.tally.plus(what.tally)})),)


def last_success(writes: Sequence[Write]) -> tuple[Write, ...]:
    """Return what remembers a backup that completes; of two in one moment either may win."""
    if not any(event.action == "backup.completed" for event in events_of(writes)):
        return ()
    return tuple(
        Put(
            LastSuccess(
                id=done.project_id,
                backup_id=done.id,
                at=done.completed_at or done.created_at,
                duration_s=done.duration_s,
                raw_bytes=done.raw_bytes,
                stored_bytes=done.stored_bytes,
            )
        )
        for done in _backups(writes)
    )


def total(tallies: Iterable[Tally]) -> Tally:
    """Return all of them together."""
    # field by field: a page adds up thousands, and each Tally on the way would be checked again
    values = [vars(tally) for tally in tallies]
    return Tally(**{name: sum(one[name] for one in values) for name in Tally.model_fields})


def events_of(writes: Sequence[Write]) -> list[AuditEvent]:
    """Return the audit events that a commit keeps."""
    inserted = [write.record for write in writes if isinstance(write, Insert)]
    return [record for record in inserted if isinstance(record, AuditEvent)]


def _backups(writes: Sequence[Write]) -> list[Backup]:
    replaced = [write.record for write in writes if isinstance(write, Replace)]
    return [record for record in replaced if isinstance(record, Backup)]


def _tally(event: AuditEvent, writes: Sequence[Write]) -> Tally | None:
    if event.action in BACKUP_ENDINGS:
        return next((_ended(backup) for backup in _backups(writes)), None)
    return COUNTED_ONCE.get(event.action)


def _ended(backup: Backup) -> Tally:
    if backup.status is Status.CANCELLED:
        return Tally(backups_cancelled=1)
    if backup.status is Status.FAILED:
        differed = backup.error is not None and backup.error.code == IntegrityFailed.code
        asked = backup.options.verification
        proof = asked is not None and asked.proof_level is not None
        return Tally(backups_failed=1, proofs_failed=int(differed and proof))
    found = backup.verification
    return Tally(
        backups_completed=1,
        backup_duration_s=backup.duration_s or 0.0,
        backup_raw_bytes=backup.raw_bytes or 0,
        backup_stored_bytes=backup.stored_bytes or 0,
        proofs_passed=int(found is not None and found.level is VerificationLevel.PROOF),
    )
