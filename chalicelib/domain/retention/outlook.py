"""What rules would keep of a timetable whose every run succeeds: a look ahead, drawn backwards.

Applying rules once to all runs keeps what applying them after each run would have kept: the newest
of a day, a week or a month stays the newest of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.domain.record import id_floor
from chalicelib.domain.retention.facts import BackupFacts, Situation, Standing, Verdict
from chalicelib.domain.retention.plan import plan
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.timetable import Timetable

MAX_RUNS: Final = 600
"""How many runs are imagined, so that even a schedule of every minute is drawn at once."""
MAX_SPAN: Final = timedelta(days=400)
_SAMPLE: Final = timedelta(days=2)


def outlook(policy: RetentionPolicy, timetable: Timetable, now: datetime) -> tuple[Verdict, ...]:
    """Return what becomes of the runs up to now, newest first, as if each had succeeded."""
    zone = ZoneInfo(policy.timezone or timetable.timezone)
    runs = tuple(timetable.between(now - _span(timetable, now), now))
    facts = tuple(_facts(runs))
    return plan(policy, Situation(now=now, timezone=zone), facts).verdicts


def _span(timetable: Timetable, now: datetime) -> timedelta:
    in_sample = sum(1 for _ in timetable.between(now - _SAMPLE, now))
    return min(MAX_SPAN, _SAMPLE * MAX_RUNS / max(in_sample, 1))


def _facts(runs: tuple[datetime, ...]) -> Iterator[BackupFacts]:
    for run in reversed(runs):
        yield BackupFacts(id=id_floor(run), created_at=run, standing=Standing.VALIDATED)
