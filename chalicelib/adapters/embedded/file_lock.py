"""Hold a lock between threads and processes; the system releases it when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from chalicelib.domain.errors import StorageFailed

POLL_S: Final = 0.005


def lock(fd: int, *, timeout_s: float) -> None:
    """Take the exclusive lock of an open file; closing the file gives it back.

    Raises StorageFailed when another holds it all the time. The system's own waiting call knows
    no deadline, so this asks again and again.
    """
    deadline = time.monotonic() + timeout_s
    pause = Event()
    while not _taken(fd):
        if time.monotonic() > deadline:
            raise StorageFailed(
                f"another process holds a lock for more than {timeout_s:g} s",
                hint="Look for a Holdfast process that hangs, end it, then try again.",
            )
        pause.wait(POLL_S)


@contextmanager
def locked(path: Path, *, timeout_s: float = 10.0) -> Iterator[None]:
    """Hold the lock of a lock file, which is made if need be and stays.

    It stays because removing it would let two processes lock two files of the same name.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(fd, timeout_s=timeout_s)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
