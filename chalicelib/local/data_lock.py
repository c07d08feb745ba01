"""The lock on a data folder: at most one process starts workers over it.

The kernel drops a flock when its holder ends, however it ends, so no stale lock is ever left. The
file holds the holder's process id only to name it to people.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from chalicelib.domain.errors import Conflict, StorageFailed

LOCK_NAME: Final = "lock"


class DataLock:
    """Hold a data folder exclusively between `__enter__` and `__exit__`."""

    def __init__(self, data: Path) -> None:
        """Choose the folder, which is made when it is not there."""
        self._data = data
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock at once; Conflict names the process that has it."""
        self._file = _opened(self._data)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            self._close()
            raise Conflict(
                f"the data folder is in use by process {holder or 'unknown'}",
                hint="Stop the other holdfast, or choose another folder with --data.",
                pid=holder,
            ) from error
        # for people only: whether the folder is taken is the lock's to say, never this number's
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        """Let the folder go; the file stays, because removing it would race with another holder."""
        self._close()

    def _close(self) -> None:
        os.close(self._file)
        self._file = -1


def make_data_folder(data: Path) -> None:
    """Make the folder, for its owner only, if it is not there; StorageFailed if it cannot be."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(error) from error


def _opened(data: Path) -> int:
    make_data_folder(data)
    try:
        # not inherited by workers: a lock shared with them would outlive its holder
        return os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> StorageFailed:
    reason = (error.strerror or type(error).__name__).lower()
    return StorageFailed(
        f"the data folder cannot be used: {reason}",
        hint="Give a folder that this user may write to with --data or HOLDFAST_DATA.",
    )
