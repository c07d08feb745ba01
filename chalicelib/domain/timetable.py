"""When something is due: a cron expression or preset in a time zone, as instants in UTC.

Days with a change of clocks follow two rules. A schedule of every hour follows real time and is
not disturbed: no run is left out and none comes twice. Every other one follows the clock on the
wall: a time that the spring gap leaves out runs at the next valid instant, and a time that comes
twice in autumn runs once, the first time.
"""

from __future__ import annotations

import zoneinfo
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Final

from cronsim import CronSim, CronSimError

from chalicelib.domain.errors import InvalidRequest

PRESETS: Final = MappingProxyType(
    {
        "hourly": "0 * * * *",
        # 03:00 exists on every day of nearly every zone, unlike 02:00 and midnight
        "daily": "0 3 * * *",
        "weekly": "0 3 * * 0",
        "monthly": "0 3 1 * *",
    }
)
MAX_CRON_LETTERS: Final = 120
MAX_PREVIEW: Final = 50
LONGEST_SHIFT: Final = timedelta(hours=3)
"""Clocks are never set by more in one go; from here back a local time may stand for later."""
_WINDOWS: Final = (timedelta(days=1), timedelta(days=8), timedelta(days=63))
_EVERY_HOUR: Final = set(range(24))
_PARTS: Final = 5
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timetable:
    """Give the instants of a cron expression (or preset) in an IANA time zone.

    Making one refuses with InvalidRequest what is not understood, and what never comes.
    """

    cron: str
    timezone: str

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _ = self._zone
        try:
            first = next(self._simulated(_EPOCH), None)
        except CronSimError as error:
            raise _not_understood(str(error).lower()) from error
        if first is None:
            raise _not_understood("no day ever fits it")

    @property
    def sentence(self) -> str:
        """Say in English when that is, by the clock of its zone."""
        # as it was written: what the library is given differs from it where clocks change
        return CronSim(PRESETS.get(self.cron, self.cron), _EPOCH).explain() + "."

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the instants behind a moment, each later than the one before."""
        last = moment
        for instant in self._simulated(moment):
            # times inside a gap all come out at its end; of these the first is the one
            if instant > last:
                yield instant
                last = instant

    def next(self, moment: datetime) -> datetime:
        """Return the first instant behind a moment."""
        for instant in self.after(moment):
            return instant
        raise _not_understood("no day ever fits it")

    def upcoming(self, moment: datetime, count: int) -> tuple[datetime, ...]:
        """Return the next instants behind a moment."""
        return tuple(islice(self.after(moment), count))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the instants behind `after` up to `until`, that one included."""
        return takewhile(lambda instant: instant <= until, self.after(after))

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """Return the last instant behind `after` up to `until`; None when there is none.

        The cost does not grow with the time between: it looks back in widening windows.
        """
        for window in (*_WINDOWS, until - after):
            start = max(after, until - window)
            found = deque(self.between(start, until), maxlen=1)
            if found or start == after:
                return found[0] if found else None
        return None

    @cached_property
    def _zone(self) -> zoneinfo.ZoneInfo:
        try:
            return zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidRequest(
                "there is no such time zone",
                hint="Name one of the IANA database, such as Europe/Berlin, or UTC.",
                field="timezone",
            ) from error

    @cached_property
    def _expression(self) -> tuple[str, bool]:
        """The expression so that the library takes it by our rules, and whether it is hourly.

        The library tells schedules of real time by a leading star in minute or hour.
        """
        parts = PRESETS.get(self.cron, self.cron).split()
        if len(parts) != _PARTS or len(self.cron) > MAX_CRON_LETTERS:
            raise _not_understood("it takes five fields, or the name of a preset")
        if CronSim(" ".join(parts), _EPOCH).hours == _EVERY_HOUR:
            return " ".join((parts[0], "*", *parts[2:])), True
        minute, hour = _starless(parts[0], "0-59"), _starless(parts[1], "0-23")
        return " ".join((minute, hour, *parts[2:])), False

    def _simulated(self, moment: datetime) -> Iterator[datetime]:
        expression, hourly = self._expression
        # A local time is no order of instants around a change of clocks: begin well before.
        start = moment if hourly else moment - LONGEST_SHIFT
        for local in CronSim(expression, start.astimezone(self._zone)):
            yield local.astimezone(UTC)


@lru_cache(maxsize=1024)
def timetable_of(cron: str, timezone: str) -> Timetable:
    """Return the timetable, made once: whole fleets of schedules share a few."""
    return Timetable(cron, timezone)


def _starless(field: str, whole: str) -> str:
    return whole + field[1:] if field.startswith("*") else field


def _not_understood(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the cron expression is not understood: {why}",
        hint=f"Write minute, hour, day, month and weekday, or one of {', '.join(PRESETS)}.",
        field="cron",
    )
