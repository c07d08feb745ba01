from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.sample_data import Volume, all_rows, line


def _text(seed: int) -> str:
    return "".join("".join(rows.lines) for rows in all_rows(Volume.of(1), seed))


def test_equal_seeds_give_equal_rows() -> None:
    assert _text(1) == _text(1)


def test_other_seeds_give_other_rows() -> None:
    assert _text(1) != _text(2)


def test_a_megabyte_is_about_a_megabyte() -> None:
    assert 700_000 < len(_text(1).encode()) < 1_300_000


@given(values=st.lists(st.text() | st.none(), min_size=1))
def test_no_value_breaks_the_line_it_stands_in(values: list[str | None]) -> None:
    written = line(*values)

    assert written.count("\n") == 1
    assert written.count("\t") == len(values) - 1
    assert "\r" not in written
