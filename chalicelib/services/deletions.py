"""Finish deletions that began: what a crash left half, and what the store would not give up.

A store may refuse to remove an object, by a lock or a missing right. The record then stays, marked,
and says why; it is tried again by the hour, never handed out, and counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain.backup import Backup, Chore
from chalicelib.domain.errors import KeepingError
from chalicelib.domain.record import Replace, Write
from chalicelib.services.backups import Backups

RETRY_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Deletions:
    """Carry marked backups to their end."""

    backups: Backups

    def finish_if_due(self, backup: Backup) -> bool:
        """Finish it unless the store has refused not long ago; return whether it is gone."""
        retry_at = backup.deletion_retry_at
        if retry_at is not None and self.backups.ledger.clock.now() < retry_at:
            return False
        self.finish(backup)
        return True

    def finish(self, backup: Backup) -> None:
        """Remove objects and record; what the store says against it goes into the record."""
        try:
            self.backups.finish_delete(backup)
        except KeepingError as error:
            self._held(backup.id, error)
            raise

    def _held(self, backup_id: str, error: KeepingError) -> None:
        ledger = self.backups.ledger
        retry_at = ledger.clock.now() + RETRY_AFTER

        def decide(found: Backup) -> tuple[Write, ...]:
            if found.chore is not Chore.DELETE:
                return ()
            update = {"deletion_error": error.info, "deletion_retry_at": retry_at}
            return (Replace(found.model_copy(update=update)),)

        ledger.apply(Backup, backup_id, decide)
