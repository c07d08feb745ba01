"""Small works side by side: their order, how far ahead they are taken, what a failure ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from chalicelib.services.side_by_side import AHEAD, IN_FLIGHT, Crew, side_by_side

DEADLINE_S = 20


@pytest.fixture
def crew() -> Crew:
    return Crew(lambda: None, threading.Event())


def test_results_come_in_the_order_of_the_things(crew: Crew) -> None:
    found = list(side_by_side(lambda n: n * n, iter(range(3 * AHEAD)), crew))

    assert found == [n * n for n in range(3 * AHEAD)]


def test_things_are_not_taken_far_ahead_of_the_workers(crew: Crew) -> None:
    handed_out: list[int] = []
    most: list[int] = []
    go_on = threading.Event()

    def things() -> Iterator[int]:
        for number in range(1000):
            handed_out.append(number)
            yield number

    def beat() -> None:
        if len(handed_out) > 2 * IN_FLIGHT:
            most.append(len(handed_out))
            go_on.set()

    list(side_by_side(lambda _: go_on.wait(DEADLINE_S), things(), Crew(beat, crew.stop)))

    assert most[0] == 2 * IN_FLIGHT + 1
    assert len(handed_out) == 1000


def test_a_failure_does_not_wait_behind_a_slower_work(crew: Crew) -> None:
    def work(number: int) -> None:
        if number == 1:
            raise ValueError("the test fails")
        if number == 0:
            crew.stop.wait(DEADLINE_S)

    with pytest.raises(ValueError, match="the test fails"):
        list(side_by_side(work, count(), crew))

    assert crew.stop.is_set()
