"""Promises of schedules under faults: each run once, each instant accounted for, each miss told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.schedule import RunState
from tests.simulation.checker import violations
from tests.simulation.history import Evidence
from tests.simulation.mutations import MUTATIONS
from tests.simulation.plan import MINUTE_S, Appointment, Case
from tests.simulation.schedule_plan import schedule_case_of
from tests.simulation.simulate import play

PLANTED = {mutation.name: mutation for mutation in MUTATIONS}


@pytest.fixture(scope="module")
def quiet() -> Evidence:
    """Give the evidence of one schedule whose alarms all come in time."""
    alarms = tuple((minute * MINUTE_S + 1, minute) for minute in (10, 20, 30))
    appointment = Appointment(every_min=10, alarms=alarms)
    return play(Case(1, True, (), (), (35 * MINUTE_S,), (appointment,)))


@pytest.mark.parametrize("seed", range(300, 310))
def test_no_fault_loses_or_doubles_a_run(seed: int) -> None:
    assert violations(play(schedule_case_of(seed))) == ()


def test_without_faults_every_alarm_makes_a_backup(quiet: Evidence) -> None:
    assert violations(quiet) == ()
    assert [run.state for run in quiet.runs] == [RunState.STARTED] * 3


def test_a_planted_bug_is_found_where_the_product_is_sound() -> None:
    case, planted = schedule_case_of(3), PLANTED["backup before its run is settled"]

    assert [sentence[:4] for sentence in violations(play(case, planted))] == ["INV5"]
    assert violations(play(case)) == ()


def test_a_run_nobody_knows_of_is_named(quiet: Evidence) -> None:
    found = violations(replace(quiet, runs=quiet.runs[1:]))

    assert [sentence.startswith("INV5: nothing is known of") for sentence in found] == [True]


def test_a_run_that_still_waits_is_named(quiet: Evidence) -> None:
    waiting = quiet.runs[0].model_copy(update={"state": RunState.QUEUED})

    found = violations(replace(quiet, runs=(waiting, *quiet.runs[1:])))

    assert found == (f"INV5: {waiting.id} is still queued",)


def test_a_miss_that_nobody_was_told_of_is_named(quiet: Evidence) -> None:
    first = quiet.runs[0]
    missed = first.model_copy(update={"missed": (first.expected_at,), "missed_count": 1})

    found = violations(replace(quiet, runs=(missed, *quiet.runs[1:])))

    assert [sentence.startswith("INV5: nobody was told") for sentence in found] == [True]
