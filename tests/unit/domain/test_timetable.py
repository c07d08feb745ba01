"""When schedules run: presets, cron, the two days of the year with a change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.timetable import PRESETS, Timetable

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Beirut",  # its clocks change at midnight
)
FIVE_YEARS = timedelta(days=5 * 365 + 1)
START = datetime(2024, 1, 1, tzinfo=UTC)

# minutes of a year are many, and the machine may be busy
UNHURRIED = settings(deadline=None)

zones = st.sampled_from(ZONES)
minutes = st.integers(0, 59)
hours = st.integers(0, 23)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)).map(  # noqa: DTZ001 - made UTC
    lambda moment: moment.replace(tzinfo=UTC)
)


def local(timetable: Timetable, start: str, count: int) -> list[str]:
    """Return the next runs behind a local time, as that zone writes them."""
    zone = ZoneInfo(timetable.timezone)
    after = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    return [f"{run.astimezone(zone):%m-%d %H:%M%z}" for run in timetable.upcoming(after, count)]


@pytest.mark.parametrize(
    ("cron", "zone", "start", "runs"),
    [
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00",
            ["03-29 03:00+0200", "03-30 02:30+0200"],
            id="a time in the gap runs when the gap ends",
        ),
        pytest.param(
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00",
            ["03-29 03:00+0200", "03-30 02:00+0200"],
            id="several times in the gap run once",
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00",
            ["10-25 02:30+0200", "10-26 02:30+0100"],
            id="an ambiguous time runs once, the first time",
        ),
        pytest.param(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T12:00",
            ["10-04 02:30+1100", "10-05 02:15+1100"],
            id="a gap of half an hour",
        ),
        pytest.param(
            "0 0 * * *",
            "Asia/Beirut",
            "2026-03-28T12:00",
            ["03-29 01:00+0300", "03-30 00:00+0300"],
            id="a midnight that does not exist",
        ),
        pytest.param(
            "hourly",
            "Europe/Berlin",
            "2026-03-29T00:30",
            ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"],
            id="every hour, in spring",
        ),
        pytest.param(
            "hourly",
            "Europe/Berlin",
            "2026-10-25T01:30",
            ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"],
            id="every hour, in autumn",
        ),
        pytest.param(
            "0 0 29 2 *",
            "UTC",
            "2026-01-01T00:00",
            ["02-29 00:00+0000"],
            id="a leap day",
        ),
        pytest.param(
            "0 3 31 * *",
            "Asia/Kathmandu",
            "2026-01-31T12:00",
            ["03-31 03:00+0545", "05-31 03:00+0545"],
            id="the last of long months only",
        ),
        pytest.param(
            "59 23 31 12 *",
            "UTC",
            "2026-12-31T23:59",
            ["12-31 23:59+0000"],
            id="the end of a year",
        ),
    ],
)
def test_runs_of(cron: str, zone: str, start: str, runs: list[str]) -> None:
    assert local(Timetable(cron, zone), start, len(runs)) == runs


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_time_runs_once_on_every_day_of_five_years(zone: str) -> None:
    timetable = Timetable("30 2 * * *", zone)

    runs = list(timetable.between(START, START + FIVE_YEARS))

    days = [run.astimezone(ZoneInfo(zone)).date() for run in runs]
    assert all(after - before == timedelta(days=1) for before, after in pairwise(days))


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "Australia/Lord_Howe"])
def test_every_hour_of_five_years_has_one_run(zone: str) -> None:
    runs = list(Timetable("hourly", zone).between(START, START + FIVE_YEARS))

    assert len(runs) == FIVE_YEARS // timedelta(hours=1)
    assert {after - before for before, after in pairwise(runs)} == {timedelta(hours=1)}


def test_where_clocks_move_by_half_an_hour_full_hours_stay_the_runs() -> None:
    timetable = Timetable("hourly", "Australia/Lord_Howe")

    runs = list(timetable.between(START, START + FIVE_YEARS))

    assert {after - before for before, after in pairwise(runs)} == {
        timedelta(hours=1),
        timedelta(hours=1, minutes=30),
    }


@UNHURRIED
@given(zones, minutes, hours, moments)
def test_a_run_has_its_local_time_or_that_time_does_not_exist(
    zone: str, minute: int, hour: int, moment: datetime
) -> None:
    (run,) = Timetable(f"{minute} {hour} * * *", zone).upcoming(moment, 1)

    at_home = run.astimezone(ZoneInfo(zone))
    wanted = at_home.replace(hour=hour, minute=minute, fold=0)
    exists = wanted.astimezone(UTC).astimezone(ZoneInfo(zone)) == wanted
    # what does not exist is read with the offset before the gap, so it ends right behind it
    assert run == wanted.astimezone(UTC) if exists else run <= wanted.astimezone(UTC)


@UNHURRIED
@given(zones, st.sampled_from(["*/20 * * * *", "5 1,2,3 * * *", "*/7 */2 * * 1-5"]), moments)
def test_runs_grow_and_none_lies_between_two_of_them(
    zone: str, cron: str, moment: datetime
) -> None:
    timetable = Timetable(cron, zone)

    runs = timetable.upcoming(moment, 20)

    assert moment < runs[0]
    assert all(before < after for before, after in pairwise(runs))
    assert all(timetable.next(before) == after for before, after in pairwise(runs))


@UNHURRIED
@given(zones, st.sampled_from([*PRESETS, "17 4 * 2 *"]), moments, st.timedeltas(
    timedelta(0), timedelta(days=400)
))  # fmt: skip
def test_the_latest_is_the_last_of_all_between(
    zone: str, cron: str, until: datetime, back: timedelta
) -> None:
    timetable = Timetable(cron, zone)

    latest = timetable.latest(until - back, until)

    assert latest == max(timetable.between(until - back, until), default=None)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "0 0 * * * *",
        "61 * * * *",
        "*/0 * * * *",
        "0 0 30 2 *",
        "0 0 0 * *",
        "@daily",
        "fortnightly",
        "0 0 * * 5#6",
        "5-1 * * * *",
        "٣ * * * *",
        "1," * 100 + "1 * * * *",
    ],
)
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Timetable(cron, "UTC")

    assert refused.value.fields == {"field": "cron"}


@pytest.mark.parametrize("zone", ["", "Mars/Base", "America", "../etc/passwd", "UTC\0", "x" * 999])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Timetable("daily", zone)

    assert refused.value.fields == {"field": "timezone"}


@UNHURRIED
@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(cron: str) -> None:
    try:
        timetable = Timetable(cron, "Europe/Berlin")
    except InvalidRequest:
        return

    assert timetable.next(START) > START
