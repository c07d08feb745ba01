"""Do the same small work for many things, several at once, results in the order of the things."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT: Final = 16
AHEAD: Final = 128
"""How many results may wait for an earlier one: they are small, what makes them is not."""

TICK_S: Final = 0.25
"""Seconds between two looks at the watch: half of what its contract asks for."""


@dataclass(frozen=True)
class Crew:
    """Say who is asked whether the work may go on, and what tells the workers that it may not."""

    beat: Callable[[], None]
    stop: threading.Event


def side_by_side(work: Callable[[T], R], things: Iterator[T], crew: Crew) -> Iterator[R]:
    """Yield what came of each thing; raises what a work raised, once the others have stopped.

    `things` are taken one after the other by the caller's own thread, never far ahead.
    """
    waiting: deque[Future[R]] = deque()
    room = _Room()
    with ThreadPoolExecutor(IN_FLIGHT, "side") as pool:
        try:
            for thing in things:
                room.take(crew)
                waiting.append(pool.submit(room.leave_after, work, thing))
                while len(waiting) >= AHEAD or (waiting and waiting[0].done()):
                    yield _landed(waiting.popleft(), crew)
            while waiting:
                yield _landed(waiting.popleft(), crew)
        except BaseException:
            crew.stop.set()
            for future in waiting:
                future.cancel()
            raise


def attended(items: Iterator[T], beat: Callable[[], None]) -> Iterator[T]:
    """Yield what an iterator gives, which may take its time over each, asking `beat` meanwhile."""
    pool = ThreadPoolExecutor(1, "attended")
    try:
        while True:
            future = pool.submit(_following, items)
            while not wait([future], TICK_S).done:
                beat()
            beat()
            found = future.result()
            if not found:
                return
            yield found[0]
    finally:
        # whoever was cancelled does not wait for an answer from far away
        pool.shutdown(wait=False, cancel_futures=True)


def _following(items: Iterator[T]) -> tuple[T, ...]:
    for item in items:
        return (item,)
    return ()


class _Room:
    """Hold back whoever hands things out until not every worker has its next one already."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(2 * IN_FLIGHT)
        self._failures: deque[BaseException] = deque()

    def take(self, crew: Crew) -> None:
        """Wait for room; raises what a work has raised meanwhile, whatever it was waiting for."""
        crew.beat()
        while not self._free.acquire(timeout=TICK_S):
            crew.beat()
        # at once: a work that failed must not wait behind slower ones for its turn
        if self._failures:
            raise self._failures[0]

    def leave_after(self, work: Callable[[T], R], thing: T) -> R:
        try:
            return work(thing)
        except BaseException as error:
            self._failures.append(error)
            raise
        finally:
            self._free.release()


def _landed(future: Future[R], crew: Crew) -> R:
    while not wait([future], TICK_S).done:
        crew.beat()
    return future.result()
