"""Run blocking work in threads while the caller keeps asking whether it may go on."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Self, TypeVar

from chalicelib.ports import Clock
from chalicelib.postgres_ports import Watch

T = TypeVar("T")

TICK_S: Final = 0.25
"""Seconds between two looks at the watch: half of what its contract asks for."""

LEAVE_S: Final = 0.5
"""Seconds that threads get to end once their sessions are severed."""

THREADS: Final = 3

NICER: Final = 10
"""How far a thread that gives way steps back; 19 is the most Linux knows."""


class Crew:
    """Own a few threads; an error in one of them surfaces in the caller.

    With `gives_way` they take the processor time that nobody else wants.
    """

    def __init__(self, *, gives_way: bool = False) -> None:
        """Make the pool; threads start with their work."""
        begin = _give_way if gives_way else None
        self._pool = ThreadPoolExecutor(
            THREADS, thread_name_prefix="holdfast-engine", initializer=begin
        )
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Self:
        """Give the crew itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more work. Threads that still run end by themselves, see `settle`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begin some work in a thread."""
        # what ended well is the caller's alone: its result must not be kept for the whole run
        self._futures = [one for one in self._futures if not _ended_well(one)]
        future = self._pool.submit(work)
        self._futures.append(future)
        return future

    def settle(self) -> bool:
        """Wait a moment for all threads; False when one is stuck.

        That can only be one in a name lookup or a connect, which nobody can break: it closes what
        it opens as soon as it comes back, see `Sessions.open`.
        """
        return not wait(self._futures, timeout=LEAVE_S).not_done

    def check(self) -> None:
        """Raise the error of a thread that failed."""
        for future in self._futures:
            if future.done():
                future.result()


def _ended_well(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def attend(future: Future[T], beat: Callable[[], None]) -> T:
    """Wait for some work, calling `beat` meanwhile; return or raise what came of it."""
    while not wait([future], timeout=TICK_S).done:
        beat()
    return future.result()


def _give_way() -> None:
    # elsewhere a priority belongs to a whole process, which must not step back
    if sys.platform == "linux":
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice + NICER)


class Beat:
    """Look at the watch at most once per tick, however often it is called."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        """Look at the first call."""
        self._watch = watch
        self._clock = clock
        self._next = clock.monotonic()

    def __call__(self) -> None:
        """Raise what the watch raises."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + TICK_S
            self._watch.check()
