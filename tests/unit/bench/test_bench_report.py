"""Promises of the bench's own arithmetic and of the table it writes."""

from __future__ import annotations

import pytest

from tests.bench.harness import Row, as_table, interleaved, ratio
from tests.bench.readme import BEGIN, END, with_figures
from tests.bench.stream import LIMITS, NOWHERE, OURS, comparison


def test_commands_take_turns_after_one_uncounted_round() -> None:
    calls: list[str] = []

    def action(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    figures = interleaved([lambda: action("a"), lambda: action("b")], 2)

    assert calls == ["a", "b"] * 3
    assert figures == [[3.0, 5.0], [4.0, 6.0]]


def test_a_ratio_is_taken_pair_by_pair() -> None:
    assert ratio([2.0, 30.0, 400.0], [1.0, 10.0, 200.0]) == 2.0


def test_a_row_over_its_limit_is_marked() -> None:
    table = as_table([Row("slow", 2.0, "x", 1.05), Row("fast", 1.0, "x", 1.05)])

    assert "| slow | 2 x | 1.05 | OVER THE LIMIT" in table
    assert "| fast | 1 x | 1.05 |  |" in table


def test_what_could_not_be_measured_says_why_and_misses_no_limit() -> None:
    row = Row("zstd", None, "s", 1.0, "no zstd here")

    assert row.holds
    assert "| zstd | left out | 1 | no zstd here |" in as_table([row])


def test_the_engine_is_compared_with_every_way_that_ran() -> None:
    rows = comparison({OURS: [2.0], NOWHERE: [1.0], "another": [4.0]}, "note")

    assert [(row.name, row.value, row.limit) for row in rows[3:]] == [
        (f"engine / {NOWHERE}", 2.0, LIMITS[NOWHERE]),
        ("engine / another", 0.5, None),
    ]


def test_figures_replace_what_stood_between_the_markers() -> None:
    once = with_figures(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")

    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert with_figures(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_readme_without_markers_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_figures(text, "new")
