"""Promises of retention under faults and beside people who lock, and of the checker of INV4."""

from __future__ import annotations

import pytest

from tests.simulation.retaining import (
    play_retaining,
    removals,
    retaining_case_of,
    retention_is_safe,
    violations,
)
from tests.simulation.retaining_mutations import MUTATIONS

PLANTED = {mutation.name: mutation for mutation in MUTATIONS}


@pytest.mark.parametrize("seed", range(9000, 9012))
def test_no_fault_makes_retention_take_what_must_stay(seed: int) -> None:
    assert violations(play_retaining(retaining_case_of(seed))) == ()


def test_retention_has_something_to_do_in_these_cases() -> None:
    taken = [removals(play_retaining(retaining_case_of(seed))) for seed in range(9000, 9006)]

    assert sum(taken) > 0


@pytest.mark.parametrize(
    ("name", "seed"),
    [("retention counts failed ones", 2), ("removal without another look", 63)],
)
def test_a_planted_bug_is_found_where_the_product_is_sound(name: str, seed: int) -> None:
    case = retaining_case_of(seed)

    planted = tuple(retention_is_safe(play_retaining(case, PLANTED[name])))
    sound = violations(play_retaining(case))

    assert planted
    assert sound == ()
