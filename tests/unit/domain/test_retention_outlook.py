from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.retention.outlook import MAX_RUNS, MAX_SPAN, outlook
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.timetable import timetable_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_rules_keep_what_they_name() -> None:
    verdicts = outlook(RetentionPolicy(keep_last=5), timetable_of("daily", "UTC"), NOW)

    assert [one.facts.created_at.day for one in verdicts if one.keep] == [1, 28, 27, 26, 25]
    assert len(verdicts) == MAX_SPAN.days


@pytest.mark.parametrize("cron", ["* * * * *", "hourly", "0 */6 * * *", "monthly", "0 0 29 2 *"])
def test_the_number_of_imagined_runs_is_bounded(cron: str) -> None:
    verdicts = outlook(RetentionPolicy(keep_last=5), timetable_of(cron, "UTC"), NOW)

    assert len(verdicts) <= MAX_RUNS + 1
    assert all(NOW - one.facts.created_at <= MAX_SPAN for one in verdicts)


def test_once_for_all_keeps_what_day_by_day_would_have_kept() -> None:
    policy = RetentionPolicy(daily=3, weekly=2, monthly=4, min_keep=1)
    timetable = timetable_of("0 */12 * * *", "Europe/Berlin")
    kept: set[datetime] = set()
    for day in range(120, -1, -1):
        at_once = outlook(policy, timetable, NOW - timedelta(days=day))
        since = NOW - timedelta(days=day + 1)
        kept = {
            one.facts.created_at
            for one in at_once
            if one.keep and (one.facts.created_at in kept or one.facts.created_at > since)
        }

    now = {one.facts.created_at for one in outlook(policy, timetable, NOW) if one.keep}

    assert {one for one in now if one > NOW - timedelta(days=100)} <= kept
