"""The last weeks day by day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dashboard.days import DAYS, Outcome, days_of, percent, weeks_of
from chalicelib.domain.rollup import Tally
from tests.support.rollups import TODAY, ran, stats_of


def test_days_without_runs_are_there_too() -> None:
    days = days_of([stats_of({0: ran(1), 34: ran(2), 35: ran(4)})], TODAY)

    assert [days[0].date, days[-1].date] == [TODAY - timedelta(days=34), TODAY]
    assert len(days) == DAYS
    assert sum(day.tally.backups_completed for day in days) == 3


def test_projects_are_added_up() -> None:
    days = days_of([stats_of({1: ran(1)}), stats_of({1: ran(2, 1)})], TODAY)

    assert days[-2].tally == ran(3, 1)


@pytest.mark.parametrize(
    ("tally", "outcome"),
    [
        (ran(), Outcome.NONE),
        (ran(backups_cancelled=1), Outcome.NONE),
        (ran(2), Outcome.WELL),
        (ran(2, 1), Outcome.MIXED),
        (ran(0, 1), Outcome.FAILED),
    ],
)
def test_a_day_is_told_by_its_worst(tally: Tally, outcome: Outcome) -> None:
    assert days_of([stats_of({0: tally})], TODAY)[-1].outcome is outcome


def test_a_day_without_completed_backups_has_no_mean() -> None:
    (*_, one, two) = days_of([stats_of({0: ran(2, backup_duration_s=9.0), 1: ran(0, 1)})], TODAY)

    assert (two.mean_duration_s, one.mean_duration_s) == (4.5, None)


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, None), (0, 3, "0.0 %"), (3, 3, "100 %"), (9999, 10000, "99.9 %"), (1, 3, "33.3 %")],
)
def test_a_share_is_never_rounded_up_to_all(part: int, whole: int, said: str | None) -> None:
    assert percent(part, whole) == said


@given(st.integers(min_value=0, max_value=6))
def test_weeks_begin_on_monday_and_lose_no_day(shift: int) -> None:
    days = days_of([], TODAY + timedelta(days=shift))

    weeks = weeks_of(days)

    assert [day for week in weeks for day in week if day is not None] == list(days)
    assert {len(week) for week in weeks} == {7}
    assert all(day.date.weekday() == at for week in weeks for at, day in enumerate(week) if day)
