"""Values as people read them; times are UTC here, the browser shows them in its own zone."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

NOTHING: Final = "\N{EN DASH}"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_KILO: Final = 1000
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def size(count: int | None) -> str:
    """Return a size in the unit that leaves one to three digits before the point."""
    if count is None:
        return NOTHING
    value, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if value < _KILO or unit == _UNITS[-1]:
            break
        value /= _KILO
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """Return a span in its two largest units: `4.2 s`, `1 min 12 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 10:  # noqa: PLR2004 - below it, tenths tell something
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for length, name, below, lesser in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= length:
            rest = whole % length // below
            return f"{whole // length} {name}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago, or in how long, in one unit."""
    if moment is None:
        return "never"
    distance = now - moment
    text = _rough(abs(distance))
    if text == "now":
        return "just now"
    return f"{text} ago" if distance > timedelta(0) else f"in {text}"


def moment(when: datetime | None) -> str:
    """Return a time to the minute, with its zone."""
    return NOTHING if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def clock(when: datetime) -> str:
    """Return the time of day to the second, with its zone."""
    return f"{when:%H:%M:%S} UTC"


def moment_in(when: datetime | None, zone: tzinfo) -> str:
    """Return a time to the minute by the clock of a zone, with weekday and zone."""
    return NOTHING if when is None else f"{when.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def number(count: int | None) -> str:
    """Return a count with thin spaces between thousands."""
    return NOTHING if count is None else f"{count:,}".replace(",", "\u202f")


def _rough(span: timedelta) -> str:
    seconds = span.total_seconds()
    for length, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}" + ("s" if count > 1 else "")
    return "now"
