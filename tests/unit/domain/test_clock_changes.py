from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.clock_changes import next_clock_change

NOW = datetime(2026, 1, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "at", "leap"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC), HOUR),
        ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC), HOUR),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC), -HOUR / 2),
    ],
)
def test_the_first_minute_of_another_offset_is_found(
    zone: str, at: datetime, leap: timedelta
) -> None:
    change = next_clock_change(ZoneInfo(zone), NOW)

    assert change is not None
    assert (change.at, change.leap) == (at, leap)


def test_a_zone_that_never_changes_has_none() -> None:
    assert next_clock_change(ZoneInfo("Asia/Tokyo"), NOW) is None


@given(
    zone=st.sampled_from(sorted(zoneinfo.available_timezones())),
    after=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_the_offset_differs_on_both_sides_of_a_change(zone: str, after: datetime) -> None:
    change = next_clock_change(ZoneInfo(zone), after)

    if change is not None:
        before = (change.at - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).utcoffset()
        behind = change.at.astimezone(ZoneInfo(zone)).utcoffset()
        assert before is not None
        assert behind is not None
        assert (change.at > after, behind - before) == (True, change.leap)
