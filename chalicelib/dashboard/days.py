"""The last weeks day by day, out of daily rollups: what the plots of the overview draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from chalicelib.domain.rollup import Tally, total
from chalicelib.services.stats import ProjectStats

DAYS: Final = 35
"""Five weeks: a month, and enough of the one before to see a week come round."""


class Outcome(StrEnum):
    """Say how the runs of a day went; whoever cancels says nothing either way."""

    NONE = "none"
    WELL = "well"
    MIXED = "mixed"
    FAILED = "failed"


@dataclass(frozen=True)
class Day:
    """Hold what ended on one day, UTC."""

    date: date
    tally: Tally

    @property
    def outcome(self) -> Outcome:
        """How the day went."""
        good, bad = self.tally.backups_completed, self.tally.backups_failed
        if not bad:
            return Outcome.WELL if good else Outcome.NONE
        return Outcome.MIXED if good else Outcome.FAILED

    @property
    def mean_duration_s(self) -> float | None:
        """How long a completed backup took; None on a day without one."""
        done = self.tally.backups_completed
        return self.tally.backup_duration_s / done if done else None

    @property
    def told(self) -> str:
        """The day in words."""
        good, bad = self.tally.backups_completed, self.tally.backups_failed
        words = [f"{good} completed"] if good else []
        words += [f"{bad} failed"] if bad else []
        return ", ".join(words) or "no run"


def days_of(stats: Iterable[ProjectStats], today: date) -> tuple[Day, ...]:
    """Return the last DAYS days of all these projects together, oldest first, without gaps."""
    parts: dict[str, list[Tally]] = defaultdict(list)
    for one in stats:
        for name, tally in one.days:
            parts[name].append(tally)
    first = today - timedelta(days=DAYS - 1)
    every = (first + timedelta(days=number) for number in range(DAYS))
    return tuple(Day(one, _together(parts.get(one.isoformat(), []))) for one in every)


def _together(found: Sequence[Tally]) -> Tally:
    # most often there is one, of one project
    return found[0] if len(found) == 1 else total(found)


def percent(part: int, whole: int) -> str | None:
    """Return a share as people read it: 100 % is only said of all; None of nothing."""
    if not whole:
        return None
    if part == whole:
        return "100 %"
    return f"{min(part / whole * 100, 99.9):.1f} %"


def weeks_of(days: Sequence[Day]) -> tuple[tuple[Day | None, ...], ...]:
    """Return the days as weeks from Monday to Sunday, None where a week has no day."""
    lead = days[0].date.weekday() if days else 0
    cells: list[Day | None] = [*[None] * lead, *days]
    cells += [None] * (-len(cells) % 7)
    return tuple(tuple(cells[start : start + 7]) for start in range(0, len(cells), 7))
