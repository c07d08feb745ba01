"""Move a child's output into a sink as it comes, and look at the watch meanwhile."""

from __future__ import annotations

import fcntl
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from chalicelib.domain.errors import IntegrityFailed, Internal
from chalicelib.engine.crew import TICK_S
from chalicelib.engine.process import Child

CHUNK_BYTES: Final = 1 << 20
PIPE_BYTES: Final = 1 << 20  # the most an ordinary user may ask for, fs.pipe-max-size
MILLISECONDS: Final = 1000
SHORT_READ_BYTES: Final = 1 << 17
GATHER_S: Final = 0.002
"""After a short read we let the pipe fill: pg_dump writes some KiB at a time, and waking up for
each write doubles the processor time. A pipe of 1 MiB does not fill in 2 ms below 500 MB/s, so the
writer does not wait."""


def widen(pipe: IO[bytes]) -> None:
    """Let the pipe hold 1 MiB, so that the child runs on while we compress and store."""
    with suppress(PermissionError):  # the user's share of pipe memory is used up: slower, not wrong
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def pump(pipe: IO[bytes], take: Callable[[bytes], object], beat: Callable[[], None]) -> int:
    """Give every chunk to `take` until the pipe ends; return how many bytes there were.

    `beat` is called at least every TICK_S, with or without bytes; what it raises ends the pumping.
    """
    widen(pipe)
    descriptor = pipe.fileno()
    os.set_blocking(descriptor, False)
    waiter = select.poll()
    waiter.register(descriptor, select.POLLIN)
    gathering = threading.Event()  # never set: a wait with a deadline
    total = 0
    while True:
        beat()
        try:
            data = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            waiter.poll(TICK_S * MILLISECONDS)
            continue
        if not data:
            return total
        take(data)
        total += len(data)
        if len(data) < SHORT_READ_BYTES:
            gathering.wait(GATHER_S)


def feed(pipe: IO[bytes], data: bytes, beat: Callable[[], None]) -> bool:
    """Write all data into a non-blocking pipe; False when its reader has gone."""
    waiter = select.poll()
    waiter.register(pipe.fileno(), select.POLLOUT)
    view = memoryview(data)
    beat()
    while view:
        try:
            view = view[os.write(pipe.fileno(), view) :]
        except BlockingIOError:
            waiter.poll(TICK_S * MILLISECONDS)
            beat()
        except BrokenPipeError:
            return False
    return True


def await_exit(child: Child, beat: Callable[[], None]) -> int:
    """Wait for a child that has closed its output; return its exit code."""
    while not child.wait(TICK_S):
        beat()
    return child.close()


def require_bytes(total: int, name: str) -> None:
    """Refuse a success that brought nothing."""
    if total == 0:
        raise IntegrityFailed(
            f"{name} ended without an error and without a single byte",
            hint="Check that the PostgreSQL client programs are the original ones.",
        )


def killed(name: str, code: int) -> Internal:
    """Say that a signal ended a child."""
    return Internal(
        f"{name} was ended by signal {-code}",
        hint="Look whether the machine ran out of memory, then try again.",
    )
