from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.dashboard.rhythm import Every
from chalicelib.dashboard.schedule_look import ScheduleFields, look_at
from chalicelib.domain.errors import InvalidRequest

BERLIN = "Europe/Berlin"
BEFORE_SPRING = datetime(2026, 3, 20, 12, tzinfo=UTC)
BEFORE_AUTUMN = datetime(2026, 10, 20, 12, tzinfo=UTC)


def test_a_time_that_spring_leaves_out_is_shown_at_the_end_of_the_gap() -> None:
    fields = ScheduleFields(every=Every.DAY, at="02:30", timezone=BERLIN)

    look = look_at(fields, BEFORE_SPRING)

    assert look.clocks is not None
    assert look.clocks.forward
    assert look.clocks.before == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    assert look.clocks.behind == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_time_that_comes_twice_in_autumn_is_shown_once() -> None:
    fields = ScheduleFields(every=Every.DAY, at="02:30", timezone=BERLIN)

    look = look_at(fields, BEFORE_AUTUMN)

    assert look.clocks is not None
    assert not look.clocks.forward
    assert look.clocks.before == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert look.clocks.behind == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_zone_without_changes_has_nothing_to_say_of_clocks() -> None:
    assert look_at(ScheduleFields(cron="daily"), BEFORE_SPRING).clocks is None


def test_the_sentence_and_the_runs_are_those_of_the_choice() -> None:
    look = look_at(ScheduleFields(every=Every.MONTH, at="04:15", day="L"), BEFORE_SPRING)

    assert look.sentence == "At 04:15 on the last day of every month."
    assert look.runs[0] == datetime(2026, 3, 31, 4, 15, tzinfo=UTC)
    assert look.picture is None


def test_rules_are_drawn_as_if_every_run_had_been_verified() -> None:
    look = look_at(ScheduleFields(cron="daily", daily=7, monthly=6), BEFORE_SPRING)

    assert look.picture is not None
    counts = {lane.text: len(lane.marks) for lane in look.picture.lanes}
    assert (counts["one a day"], counts["one a month"]) == (7, 6)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (ScheduleFields(cron="61 * * * *"), "cron"),
        (ScheduleFields(cron="0 0 30 2 *"), "cron"),
        (ScheduleFields(cron=""), "cron"),
        (ScheduleFields(cron="daily", timezone="../etc"), "timezone"),
    ],
)
def test_what_cannot_be_is_named(fields: ScheduleFields, wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        look_at(fields, BEFORE_SPRING)

    assert caught.value.fields["field"] == wrong


def test_a_schedule_of_every_minute_is_drawn_without_counting_a_year() -> None:
    look = look_at(ScheduleFields(cron="* * * * *", keep_last=10), BEFORE_SPRING)

    assert look.picture is not None
    assert look.runs[0] - BEFORE_SPRING == timedelta(minutes=1)
