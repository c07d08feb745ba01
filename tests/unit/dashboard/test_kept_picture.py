from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dashboard.kept_picture import GOES, WORDS, picture_of
from chalicelib.domain.retention.facts import BackupFacts, Reason, Standing, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _verdict(age: timedelta, *reasons: Reason, keep: bool = True) -> Verdict:
    facts = BackupFacts("id", NOW - age, Standing.VALIDATED)
    return Verdict(facts, keep, reasons)


def test_nothing_is_drawn_of_nothing() -> None:
    assert picture_of((), NOW) is None


def test_each_reason_has_a_lane_and_what_goes_the_last() -> None:
    verdicts = [
        _verdict(timedelta(hours=1), Reason.NEWEST_VERIFIED, Reason.DAILY),
        _verdict(timedelta(days=2), Reason.DAILY),
        _verdict(timedelta(days=3), Reason.OUTDATED, keep=False),
    ]

    picture = picture_of(verdicts, NOW)

    assert picture is not None
    lanes = [(lane.text, lane.stays, len(lane.marks)) for lane in picture.lanes]
    assert lanes == [("one a day", True, 2), ("newest verified", True, 1), (GOES, False, 1)]
    assert picture.sentence == "Of 3 backups 2 stay and 1 go."


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=4000)), min_size=1, max_size=50))
def test_marks_and_ticks_stay_in_the_picture_the_newest_right(ages: list[timedelta]) -> None:
    verdicts = [_verdict(age, Reason.LAST) for age in sorted(ages)]

    picture = picture_of(verdicts, NOW)

    assert picture is not None
    (lane,) = picture.lanes
    assert all(0 <= place <= 98 for place in lane.marks)
    assert all(0 <= tick.at <= 98 for tick in picture.ticks)
    gaps = [a.at - b.at for a, b in zip(picture.ticks, picture.ticks[1:], strict=False)]
    assert all(gap >= 20 for gap in gaps)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert WORDS[reason]
