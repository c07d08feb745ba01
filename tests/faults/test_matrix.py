"""Every cell of the fault matrix once; `tests.soak` runs each many times, over both adapter sets.

Over AWS adapters only a sample of the cells that no embedded adapter knows.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.faults.cells import Cell
from tests.faults.matrix import CELLS
from tests.faults.stand import Stand
from tests.soak.faults import one
from tests.support.stack import EMBEDDED

pytestmark = pytest.mark.postgres

SEED = 41
"""Decides at which byte, call or moment each cell strikes."""
ON_AWS = (
    "F6 bucket, answer lost once",
    "F7 table, answer lost once",
    "F10 asleep, then taken over",
)


@pytest.mark.parametrize("cell", [c for c in CELLS if EMBEDDED in c.sets], ids=str)
def test_a_fault_ends_honestly_and_leaves_nothing(embedded: Stand, cell: Cell) -> None:
    if cell.name == "disk full" and os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root may mount a disk that is too small")

    result = one(embedded, cell, SEED, restore=False)

    assert result.found == ()
    assert result.struck or cell.may_miss


@pytest.mark.parametrize("cell", [c for c in CELLS if str(c) in ON_AWS], ids=str)
def test_a_fault_of_aws_ends_honestly_and_leaves_nothing(aws: Stand, cell: Cell) -> None:
    result = one(aws, cell, SEED, restore=True)

    assert result.found == ()
    assert result.struck or cell.may_miss


def test_no_two_cells_have_one_name() -> None:
    assert [name for name, count in Counter(map(str, CELLS)).items() if count > 1] == []


def test_every_fault_of_the_matrix_has_its_cells() -> None:
    wanted = {"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F10", "F12", "F13"}

    assert {cell.fault for cell in CELLS} == wanted
