from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.comparison import Difference, Facts
from chalicelib.local.demo_report import DemoReport

SAME = Difference("table public.t", Facts(3, "a"), Facts(3, "a"))
CHANGED = Difference("table public.u", Facts(4, "a"), Facts(4, "b"))
MISSING = Difference("table public.v", Facts(5, "a"), None)
EXTRA = Difference("table public.w", None, Facts(6, "a"))
SEQUENCE = Difference("sequence public.s", Facts(70, "t"), Facts(70, "t"))


def _report(*differences: Difference, **fields: Any) -> DemoReport:
    values: dict[str, Any] = {
        "differences": differences,
        "seconds": {"backup": 2.0},
        "stored_bytes": 10,
        "raw_bytes": 3000,
        "sha256": "0f",
        "kept": None,
        **fields,
    }
    return DemoReport(**values)


@pytest.mark.parametrize(
    ("differences", "equal"),
    [
        ((SAME, SEQUENCE), True),
        ((SAME, CHANGED), False),
        ((SAME, MISSING), False),
        ((SAME, EXTRA), False),
    ],
)
def test_one_difference_makes_the_whole_different(
    differences: tuple[Difference, ...], *, equal: bool
) -> None:
    assert _report(*differences).equal is equal


def test_comparing_nothing_proves_nothing() -> None:
    assert _report().equal is False


def test_rows_are_those_of_the_source_s_tables() -> None:
    totals = _report(SAME, MISSING, EXTRA, SEQUENCE).totals()

    assert (totals.rows, totals.different) == (8, 2)


def test_the_rate_is_of_raw_bytes_over_the_whole_backup() -> None:
    assert _report(SAME).bytes_per_s == 1500


def test_a_backup_in_no_time_has_a_rate_too() -> None:
    assert _report(SAME, seconds={"backup": 0.0}).bytes_per_s > 0


def test_json_names_what_differs() -> None:
    written = json.loads(json.dumps(_report(SAME, CHANGED, kept=Path("/kept")).to_json()))

    assert written == {
        "equal": False,
        "rows": 7,
        "different": ["table public.u"],
        "compared": 2,
        "bytes": 10,
        "raw_bytes": 3000,
        "bytes_per_s": 1500,
        "sha256": "0f",
        "seconds": {"backup": 2.0},
        "kept": "/kept",
    }
