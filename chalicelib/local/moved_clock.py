"""A clock that can be moved ahead, to live through weeks in a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.ports import Clock


class MovedClock:
    """Tell another time than the machine's, which goes on as fast as it and never back."""

    def __init__(self, clock: Clock, begin: datetime) -> None:
        """Begin at a moment; `clock` measures what passes from now on."""
        self._clock = clock
        self._base = begin
        self._begun = clock.monotonic()

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return self._base + timedelta(seconds=self._clock.monotonic() - self._begun)

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits: these are the machine's."""
        return self._clock.monotonic()

    def move_to(self, moment: datetime) -> None:
        """Go ahead to a moment; one that has passed changes nothing."""
        self._base, self._begun = max(moment, self.now()), self._clock.monotonic()
