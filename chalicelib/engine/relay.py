"""Hand chunks from one thread to another, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Final

from chalicelib.engine.crew import TICK_S

ROOM: Final = 4
"""Chunks on their way: at most 4 MiB, for stores give at most 1 MiB at a time."""


class Relay:
    """Let one thread give and another take; the giver waits while there is no room."""

    def __init__(self) -> None:
        """Begin empty."""
        self._chunks: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = threading.Semaphore(ROOM)
        self.given_bytes = 0

    def give(self, chunk: bytes, beat: Callable[[], None]) -> None:
        """Hand a chunk over; what `beat` raises ends the wait for room."""
        while not self._room.acquire(timeout=TICK_S):
            beat()
        self.given_bytes += len(chunk)
        self._chunks.put(chunk)

    def close(self) -> None:
        """Say that no chunk follows; never waits, and may be said again."""
        self._chunks.put(None)

    def __iter__(self) -> Iterator[bytes]:
        """Take every chunk up to the end."""
        while (chunk := self._chunks.get()) is not None:
            self._room.release()
            yield chunk
