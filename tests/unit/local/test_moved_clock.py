from __future__ import annotations

from datetime import timedelta

from chalicelib.local.moved_clock import MovedClock
from tests.support.world import TurnedClock

WEEK = timedelta(weeks=1)


def test_it_goes_on_as_fast_as_the_clock_behind_it() -> None:
    behind = TurnedClock()
    begin = behind.now() - WEEK
    clock = MovedClock(behind, begin)

    behind.turn(timedelta(seconds=5))

    assert clock.now() == begin + timedelta(seconds=5)


def test_it_moves_ahead_and_never_back() -> None:
    behind = TurnedClock()
    clock = MovedClock(behind, behind.now() - WEEK)

    clock.move_to(behind.now())
    clock.move_to(behind.now() - WEEK)
    behind.turn(timedelta(seconds=5))

    assert clock.now() == behind.now()
