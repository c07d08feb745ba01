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
SHORTEST_GATHER_S: Final = 0.001
LONGEST_GATHER_S: Final = 0.016


def widen(pipe: IO[bytes]) -> None:
    """Let the pipe hold 1 MiB, so that the child runs on while we compress and store."""
    with suppress(PermissionError):  # the user's share of pipe memory is used up: slower, not wrong
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Gatherer:
    """Say how long to let a pipe fill before it is read again.

    pg_dump writes some KiB at a time, and waking up for each write takes more processor time than
    hashing what was written. So we wait until the pipe is about a quarter full: longer after a read
    that brought little, shorter, down to not at all, after one that found the pipe filling up, for
    a writer that finds it full has to wait.
    """

    def __init__(self, pipe_bytes: int) -> None:
        """Begin with the shortest wait."""
        self._little = pipe_bytes // 8
        self._much = pipe_bytes // 2
        self.pause_s = 0.0

    def after(self, read_bytes: int) -> float:
        """Return the seconds to wait after a read that brought so many bytes."""
        if read_bytes > self._much:
            self.pause_s = self.pause_s / 2 if self.pause_s > SHORTEST_GATHER_S else 0.0
        elif read_bytes < self._little:
            self.pause_s = min(max(self.pause_s * 2, SHORTEST_GATHER_S), LONGEST_GATHER_S)
        return self.pause_s


def pump(pipe: IO[bytes], take: Callable[[memoryview], object], beat: Callable[[], None]) -> int:
    """Give every chunk to `take` until the pipe ends; return how many bytes there were.

    A chunk is lent: its memory takes the next one. `beat` is called at least every TICK_S, with or
    without bytes; what it raises ends the pumping.
    """
    widen(pipe)
    descriptor = pipe.fileno()
    gatherer = Gatherer(fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ))
    os.set_blocking(descriptor, False)
    waiter = select.poll()
    waiter.register(descriptor, select.POLLIN)
    gathering = threading.Event()  # never set: a wait with a deadline
    chunk = memoryview(bytearray(CHUNK_BYTES))
    total = 0
    while True:
        beat()
        try:
            size = os.readv(descriptor, [chunk])
        except BlockingIOError:
            waiter.poll(TICK_S * MILLISECONDS)
            continue
        if size == 0:
            return total
        take(chunk[:size])
        total += size
        if pause_s := gatherer.after(size):
            gathering.wait(pause_s)


def feed(pipe: IO[bytes], data: bytes, beat: Callable[[], None]) -> bool:
    """Write all data into a non-blocking pipe; False when its reader has gone.

    A pipe takes more as soon as its reader took a page: the pause lets it take many, for waking up
    for each costs more than the reader's work.
    """
    waiter = select.poll()
    waiter.register(pipe.fileno(), select.POLLOUT)
    gathering = threading.Event()  # never set: a wait with a deadline
    view = memoryview(data)
    beat()
    while view:
        try:
            view = view[os.write(pipe.fileno(), view) :]
        except BlockingIOError:
            if waiter.poll(TICK_S * MILLISECONDS):
                gathering.wait(SHORTEST_GATHER_S)
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
