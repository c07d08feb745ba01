"""How often, as people choose it, into a cron expression and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from chalicelib.domain.timetable import PRESETS

WEEKDAYS: Final = MappingProxyType(
    {
        "1": "Monday",
        "2": "Tuesday",
        "3": "Wednesday",
        "4": "Thursday",
        "5": "Friday",
        "6": "Saturday",
        "0": "Sunday",
    }
)
LAST_DAY: Final = "L"
DAYS: Final = (*(str(day) for day in range(1, 29)), LAST_DAY)
"""Days that every month has: a schedule of the 31st would leave out five months."""

_NUMBERS: Final = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}) (\S+) \* (\S+)")
_HOURLY: Final = re.compile(r"([0-9]{1,2}) \* \* \* \*")


class Every(StrEnum):
    """Say in which rhythm a schedule runs; `cron` is whatever the other words cannot say."""

    HOUR = "hour"
    DAY = "day"
    WORKDAY = "workday"
    WEEK = "week"
    MONTH = "month"
    CRON = "cron"


@dataclass(frozen=True)
class Rhythm:
    """Hold what the fields of the helper say; those that do not go with `every` count for nothing.

    `at` is HH:MM, of which an hourly rhythm takes the minutes.
    """

    every: Every
    at: str = "03:00"
    weekday: str = "0"
    day: str = "1"
    cron: str = ""


def cron_of(rhythm: Rhythm) -> str:
    """Return the rhythm as a cron expression."""
    hour, minute = (int(part) for part in rhythm.at.split(":"))
    expressions = {
        Every.HOUR: f"{minute} * * * *",
        Every.DAY: f"{minute} {hour} * * *",
        Every.WORKDAY: f"{minute} {hour} * * 1-5",
        Every.WEEK: f"{minute} {hour} * * {rhythm.weekday}",
        Every.MONTH: f"{minute} {hour} {rhythm.day} * *",
        Every.CRON: rhythm.cron,
    }
    return expressions[rhythm.every]


def rhythm_of(cron: str) -> Rhythm:
    """Return the choice that makes this expression, or the expression itself."""
    expression = " ".join(PRESETS.get(cron, cron).split())
    hourly = _HOURLY.fullmatch(expression)
    if hourly is not None:
        return Rhythm(Every.HOUR, f"00:{int(hourly[1]):02}", cron=cron)
    daily = _NUMBERS.fullmatch(expression)
    if daily is None:
        return Rhythm(Every.CRON, cron=cron)
    at = f"{int(daily[2]):02}:{int(daily[1]):02}"
    return _of_days(daily[3], daily[4], Rhythm(Every.CRON, at, cron=cron))


def _of_days(day: str, weekday: str, otherwise: Rhythm) -> Rhythm:
    at, cron = otherwise.at, otherwise.cron
    if (day, weekday) == ("*", "*"):
        return Rhythm(Every.DAY, at, cron=cron)
    if (day, weekday) == ("*", "1-5"):
        return Rhythm(Every.WORKDAY, at, cron=cron)
    if day == "*" and weekday in WEEKDAYS:
        return Rhythm(Every.WEEK, at, weekday=weekday, cron=cron)
    if weekday == "*" and day in DAYS:
        return Rhythm(Every.MONTH, at, day=day, cron=cron)
    return otherwise
