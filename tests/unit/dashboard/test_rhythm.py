from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dashboard.rhythm import DAYS, WEEKDAYS, Every, Rhythm, cron_of, rhythm_of
from chalicelib.domain.timetable import PRESETS, timetable_of

TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(
    every=st.sampled_from([Every.DAY, Every.WORKDAY, Every.WEEK, Every.MONTH]),
    at=TIMES,
    weekday=st.sampled_from(sorted(WEEKDAYS)),
    day=st.sampled_from(DAYS),
)
def test_what_was_chosen_is_found_again(every: Every, at: str, weekday: str, day: str) -> None:
    cron = cron_of(Rhythm(every, at, weekday, day))

    found = rhythm_of(cron)

    assert (found.every, found.at, cron_of(found)) == (every, at, cron)
    assert timetable_of(cron, "UTC").sentence


@pytest.mark.parametrize(
    ("cron", "every"),
    [
        ("hourly", Every.HOUR),
        ("daily", Every.DAY),
        ("weekly", Every.WEEK),
        ("monthly", Every.MONTH),
        ("7 * * * *", Every.HOUR),
        ("0 3 31 * *", Every.CRON),
        ("0 3 1 * 1", Every.CRON),
        ("0 3 * 6 *", Every.CRON),
        ("*/15 * * * *", Every.CRON),
        ("0 5 * * MON#1", Every.CRON),
        ("nonsense", Every.CRON),
    ],
)
def test_an_expression_is_put_into_the_simplest_words(cron: str, every: Every) -> None:
    found = rhythm_of(cron)

    assert found.every is every
    assert cron_of(found) in {cron, PRESETS.get(cron)}
