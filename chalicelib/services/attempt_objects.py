"""The objects of attempts that will not be finished: away with them, until none is left.

A function whose execution was stopped runs on for a while and may store an object behind the
clean-up. So whatever ended without its own worker's word keeps a chore, and is cleared again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.object_keys import MANIFEST, attempt_prefix, backup_prefix
from chalicelib.domain.record import Replace, Write
from chalicelib.ports import ObjectStore

ROUNDS: Final = 5
"""A part that was in flight may land after its upload was aborted; a few rounds catch it."""
LATE_WRITES: Final = timedelta(minutes=20)
"""A function of AWS lives 15 minutes at most, whatever became of its execution."""


def clear(store: ObjectStore, prefix: str) -> None:
    """Abort every upload and delete every object below a prefix; list again until it is empty.

    Manifests go first: a crash in between must not leave a seal over what is gone.
    """
    for _ in range(ROUNDS):
        uploads = list(store.uploads(prefix))
        keys = list(store.keys(prefix))
        if not uploads and not keys:
            return
        for key in sorted(keys, key=lambda k: not k.endswith("/" + MANIFEST)):
            store.delete(key)
        for upload in uploads:
            store.abort(upload)
    raise StorageFailed("objects of an ended attempt cannot be removed")


def clear_rest(store: ObjectStore, backup: Backup) -> None:
    """Remove every object of an ended backup but those of the attempt that completed it."""
    if backup.status is not Status.COMPLETED:
        clear(store, backup_prefix(backup))
        return
    for attempt in range(1, backup.attempt):
        clear(store, attempt_prefix(backup.model_copy(update={"attempt": attempt})))


def is_ripe(backup: Backup, now: datetime) -> bool:
    """Tell whether nobody can store an object of this ended backup any more."""
    return backup.completed_at is None or backup.completed_at + LATE_WRITES <= now


def chore_of(backup: Backup) -> Chore | None:
    """Return what is left to do once a backup is completed: earlier attempts may have objects."""
    return Chore.CLEAN if backup.attempt > 1 else None


def with_chore(write: Write, chore: Chore | None) -> Write:
    """Return the write with a chore on its backup, if there is one."""
    if chore is None or not isinstance(write, Replace):
        return write
    return Replace(write.record.model_copy(update={"chore": chore}))
