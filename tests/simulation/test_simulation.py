"""Promises of the control plane under faults, and of the simulator that holds it to them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from chalicelib.domain.backup import Status
from tests.simulation.checker import violations
from tests.simulation.mutations import MUTATIONS
from tests.simulation.plan import (
    HOUR_S,
    Case,
    Fault,
    Kind,
    Script,
    case_of,
    narrow_case_of,
    slow_case_of,
)
from tests.simulation.shrink import parts_of, repeat, shrunk
from tests.simulation.simulate import play

PLANTED = {mutation.name: mutation for mutation in MUTATIONS}
WORKER_CALLS = 68
"""Port calls of one worker that meets no fault; see the test that counts them."""


def quiet(*faults: Fault, stop_kills: bool = True) -> Case:
    """Return a case of one backup with these faults only."""
    sweeps = (120.0, 400.0, HOUR_S)
    return Case(1, stop_kills, (Script(project=0, at_s=0.0),), faults, sweeps)


@pytest.mark.parametrize("seed", range(7000, 7020))
def test_no_fault_makes_a_false_success(seed: int) -> None:
    assert violations(play(case_of(seed))) == ()


def test_without_faults_every_backup_is_completed() -> None:
    case = quiet()

    evidence = play(replace(case, scripts=case.scripts * 3))

    assert [backup.status for backup in evidence.backups] == [Status.COMPLETED] * 3
    assert violations(evidence) == ()


def test_a_worker_makes_as_many_calls_as_are_crash_points() -> None:
    events = play(quiet()).history.events

    assert max(event.call for event in events if event.actor == "worker-1") == WORKER_CALLS


@pytest.mark.parametrize("kind", [Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
def test_a_worker_may_die_at_every_port_call(kind: Kind) -> None:
    cases = [quiet(Fault("worker-1", call, kind)) for call in range(1, WORKER_CALLS + 1)]

    found = [violations(play(case)) for case in cases]

    assert list(chain.from_iterable(found)) == []


def test_the_same_seed_is_the_same_history() -> None:
    first, second = (play(case_of(8)).history.outline() for _ in range(2))

    assert first == second


def test_another_seed_is_another_history() -> None:
    first, second = (play(replace(quiet(), seed=seed)).history.outline() for seed in (1, 2))

    assert first != second


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("complete before verify", case_of(2)),
        ("lease without generation", case_of(105)),
        ("complete on end of file", case_of(552)),
        ("attempts share their keys", case_of(8)),
        ("cancel told before it is clean", case_of(1)),
        ("worker clears before it fences", case_of(84)),
        ("abort forgets the upload", case_of(4)),
        ("sweeper ignores leases", case_of(5)),
        ("sweeper believes its listing", slow_case_of(0)),
        ("sweeper clears before it fences", narrow_case_of(35)),
        ("sweeper looks only once", narrow_case_of(21)),
        ("sweeper lets pending ones wait", case_of(73)),
    ],
)
def test_a_planted_bug_is_found_where_the_product_is_sound(name: str, case: Case) -> None:
    planted, sound = violations(play(case, PLANTED[name])), violations(play(case))

    assert planted
    assert sound == ()


def test_a_failing_case_shrinks_and_can_be_repeated() -> None:
    whole, planted = case_of(7), PLANTED["complete before verify"]

    small = shrunk(whole, lambda case: bool(violations(play(case, planted))))

    assert (len(small.scripts), small.faults, small.sweeps) == (1, (), ())
    assert repeat(whole, parts_of(small, whole)) == small
    assert violations(play(small, planted))


def test_a_worker_that_wakes_claims_no_lease_that_was_taken_from_it() -> None:
    # found by the soak: the sweeper stopped its execution right after it had claimed the next step
    assert violations(play(case_of(1572))) == ()
