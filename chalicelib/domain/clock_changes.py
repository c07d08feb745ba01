"""When the clocks of a time zone change next, so that people see what it does to their runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

LOOK_AHEAD: Final = timedelta(days=400)
"""Where clocks change at all, they do so within a year."""
_STEP: Final = timedelta(days=7)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class ClockChange:
    """Name the first minute (UTC) of another offset, and by how much the clock leaps then."""

    at: datetime
    leap: timedelta


def next_clock_change(zone: tzinfo, after: datetime) -> ClockChange | None:
    """Return the next change behind a moment; None where none comes within LOOK_AHEAD.

    Two changes within one week that undo each other are not seen.
    """
    start = after.astimezone(UTC).replace(second=0, microsecond=0)
    end = start + LOOK_AHEAD
    while start < end:
        following = start + _STEP
        if _offset(zone, following) != _offset(zone, start):
            return _found(zone, start, following)
        start = following
    return None


def _found(zone: tzinfo, before: datetime, behind: datetime) -> ClockChange:
    old = _offset(zone, before)
    while behind - before > _MINUTE:
        middle = before + (behind - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle == before:
            middle += _MINUTE
        before, behind = (middle, behind) if _offset(zone, middle) == old else (before, middle)
    return ClockChange(behind, _offset(zone, behind) - old)


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
