"""A crew's threads: their errors surface, and they step back where they should."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.crew import NICER, Crew, attend


def niceness() -> int:
    """Return the niceness of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_crew_that_gives_way_steps_back_and_leaves_the_caller_where_it_was() -> None:
    before = niceness()

    with Crew(gives_way=True) as crew:
        found = attend(crew.start(niceness), lambda: None)

    assert found == min(before + NICER, 19)
    assert niceness() == before


def test_other_crews_are_level_with_the_caller() -> None:
    with Crew() as crew:
        found = attend(crew.start(niceness), lambda: None)

    assert found == niceness()


def test_the_error_of_a_thread_reaches_who_attends() -> None:
    def fail() -> None:
        raise IntegrityFailed("a block is damaged")

    with Crew() as crew, pytest.raises(IntegrityFailed, match="a block is damaged"):
        attend(crew.start(fail), lambda: None)
