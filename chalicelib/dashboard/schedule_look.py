"""What a schedule would do, before anybody saves it: in words, in times, in a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from chalicelib.dashboard.kept_picture import Picture, picture_of
from chalicelib.dashboard.retention_fields import RetentionFields
from chalicelib.dashboard.rhythm import Every, Rhythm, cron_of
from chalicelib.domain.clock_changes import ClockChange, next_clock_change
from chalicelib.domain.retention.outlook import outlook
from chalicelib.domain.timetable import Timetable, timetable_of

SHOWN: Final = 5
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_AROUND: Final = timedelta(days=8)
"""How far from a change of clocks a run may be so that it is worth showing beside it."""


def _time(text: str) -> str:
    if _TIME.fullmatch(text) is None:
        raise ValueError("write hours and minutes, as 02:30")
    return text


class ScheduleFields(RetentionFields):
    """Hold what was typed of a schedule's times and rules."""

    every: Every = Every.CRON
    at: Annotated[str, AfterValidator(_time)] = "03:00"
    weekday: Annotated[str, Field(pattern=r"^[0-6]$")] = "0"
    day: Annotated[str, Field(pattern=r"^([1-9]|1[0-9]|2[0-8]|L)$")] = "1"
    cron: Annotated[str, Field(max_length=100)] = ""
    timezone: Annotated[str, Field(max_length=64)] = "UTC"

    @property
    def expression(self) -> str:
        """The cron expression that was chosen or typed."""
        return cron_of(Rhythm(self.every, self.at, self.weekday, self.day, self.cron.strip()))


@dataclass(frozen=True)
class ClockNote:
    """Say what the next change of clocks is, with the last run before it and the first behind."""

    change: ClockChange
    forward: bool
    before: datetime | None
    behind: datetime | None


@dataclass(frozen=True)
class ScheduleLook:
    """Hold what a timetable means; `picture` is None without rules of its own."""

    cron: str
    zone: ZoneInfo
    sentence: str
    runs: tuple[datetime, ...]
    clocks: ClockNote | None
    picture: Picture | None


def look_at(fields: ScheduleFields, now: datetime) -> ScheduleLook:
    """Work out what the fields mean; InvalidRequest names the one that cannot be."""
    timetable = timetable_of(fields.expression, fields.timezone)
    zone = ZoneInfo(fields.timezone)
    policy = fields.policy(None)
    return ScheduleLook(
        cron=fields.expression,
        zone=zone,
        sentence=timetable.sentence,
        runs=timetable.upcoming(now, SHOWN),
        clocks=_clocks(timetable, zone, now),
        picture=picture_of(outlook(policy, timetable, now), now) if policy else None,
    )


def _clocks(timetable: Timetable, zone: ZoneInfo, now: datetime) -> ClockNote | None:
    change = next_clock_change(zone, now)
    if change is None:
        return None
    # the moment of the change itself is behind it
    before = timetable.latest(change.at - _AROUND, change.at - timedelta(seconds=1))
    behind = timetable.next(change.at - timedelta(seconds=1))
    is_near = behind - change.at <= _AROUND
    return ClockNote(change, change.leap > timedelta(0), before, behind if is_near else None)
