"""What stays and why, as a picture: a lane for each reason, marks along time, the newest right.

Only numbers are made here; the template draws them. Time is drawn ever denser towards the past, as
rules of retention keep it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from chalicelib.domain.retention.facts import Reason, Verdict

WORDS: Final = MappingProxyType(
    {
        Reason.LAST: "the newest",
        Reason.DAYS: "of the last days",
        Reason.HOURLY: "one an hour",
        Reason.DAILY: "one a day",
        Reason.WEEKLY: "one a week",
        Reason.MONTHLY: "one a month",
        Reason.YEARLY: "one a year",
        Reason.NO_RULE: "no rule takes it",
        Reason.NEWEST_VERIFIED: "newest verified",
        Reason.MIN_KEEP: "never fewer",
        Reason.LOCKED: "locked",
        Reason.HELD: "held for a migration",
        Reason.PARENT: "parent of a run",
        Reason.IN_USE: "being read",
        Reason.RUNNING: "running",
        Reason.RECENT_RUN: "a recent run",
        Reason.UNVALIDATED_GRACE: "not verified, recent",
        Reason.FAILED_GRACE: "failed recently",
        Reason.FROZEN: "frozen",
        Reason.OUTDATED: "no rule keeps it",
        Reason.BUDGET: "over the budget",
        Reason.UNVALIDATED: "never verified",
        Reason.FAILED: "failed long ago",
    }
)
"""Each reason as people read it, in the order of the lanes."""
GOES: Final = "goes"
_TICKS: Final = (
    (timedelta(days=1), "1 day"),
    (timedelta(days=7), "1 week"),
    (timedelta(days=30), "1 month"),
    (timedelta(days=91), "3 months"),
    (timedelta(days=365), "1 year"),
    (timedelta(days=1096), "3 years"),
)
_SHORTEST: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_ROOM: Final = 20.0
"""Per cent of the width that two ticks keep apart."""


@dataclass(frozen=True)
class Lane:
    """Hold one reason and its marks: per cent of the width, from the left."""

    text: str
    stays: bool
    marks: tuple[float, ...]


@dataclass(frozen=True)
class Tick:
    """Name a place on the axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Picture:
    """Hold what is drawn, and the sentence that says the same."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    sentence: str


def picture_of(verdicts: Sequence[Verdict], now: datetime) -> Picture | None:
    """Return the picture of verdicts, newest first; None where there are none."""
    if not verdicts:
        return None
    span = max(now - min(one.facts.created_at for one in verdicts), _SHORTEST)
    kept = sum(1 for one in verdicts if one.keep)
    return Picture(
        lanes=tuple(_lanes(verdicts, now, span)),
        ticks=tuple(_ticks(span)),
        sentence=f"Of {len(verdicts)} backups {kept} stay and {len(verdicts) - kept} go.",
    )


def _lanes(verdicts: Iterable[Verdict], now: datetime, span: timedelta) -> list[Lane]:
    marks: dict[str, list[float]] = {}
    for one in verdicts:
        place = _place(now - one.facts.created_at, span)
        for name in _lanes_of(one):
            marks.setdefault(name, []).append(place)
    order = [*(reason.value for reason in WORDS), GOES]
    names = sorted(marks, key=order.index)
    return [Lane(_text(name), name != GOES, _apart(marks[name])) for name in names]


def _lanes_of(verdict: Verdict) -> tuple[str, ...]:
    return tuple(reason.value for reason in verdict.reasons) if verdict.keep else (GOES,)


def _text(name: str) -> str:
    return GOES if name == GOES else WORDS[Reason(name)]


def _apart(places: Iterable[float]) -> tuple[float, ...]:
    # what falls on one spot is drawn once: a thousand marks on top of each other show nothing more
    return tuple(sorted({round(place, 1) for place in places}))


def _place(age: timedelta, span: timedelta) -> float:
    scale = math.log1p(span / _HOUR)
    return 98 * (1 - math.log1p(max(age, timedelta(0)) / _HOUR) / scale)


def _ticks(span: timedelta) -> list[Tick]:
    ticks = [Tick(98.0, "now")]
    for age, text in _TICKS:
        place = _place(age, span)
        if age <= span and ticks[-1].at - place >= _ROOM:
            ticks.append(Tick(round(place, 1), text))
    return ticks
