"""What the world is told of: the kinds of notices, one list for all who write and read them."""

from __future__ import annotations

from enum import StrEnum


class NoticeKind(StrEnum):
    """Name what a notice is about; whoever moves a record writes its notice in the same commit."""

    BACKUP_COMPLETED = "backup.completed"
    BACKUP_FAILED = "backup.failed"
    BACKUP_CANCELLED = "backup.cancelled"
    BACKUP_MISSED = "backup.missed"
    PROOF_FAILED = "proof.failed"
    RESTORE_COMPLETED = "restore.completed"
    RESTORE_FAILED = "restore.failed"
    RESTORE_CANCELLED = "restore.cancelled"
    RETENTION_FROZEN = "retention.frozen"
    SCHEDULE_DISABLED = "schedule.disabled"
    CHANNEL_TEST = "channel.test"
