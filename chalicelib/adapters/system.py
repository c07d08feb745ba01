"""The machine's clock, and identifiers made by it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from threading import Lock

from ulid import ULID

from chalicelib.ports import Clock

_RANDOM_BITS = 80  # the ULID specification: 48 bits of milliseconds, 80 random ones


class SystemClock:
    """Tell the machine's time."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits."""
        return time.monotonic()


class UlidIds:
    """Make ULIDs that sort in the order of making, within one process.

    Within a millisecond, and while the clock goes back, the last one is counted up.
    """

    def __init__(self, clock: Clock) -> None:
        """Take the time from the clock."""
        self._clock = clock
        self._last = 0
        self._guard = Lock()

    def new(self) -> str:
        """Return a fresh ULID."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        fresh = milliseconds << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
        with self._guard:
            last_milliseconds = self._last >> _RANDOM_BITS
            self._last = fresh if milliseconds > last_milliseconds else self._last + 1
            return str(ULID.from_bytes(self._last.to_bytes(16)))
