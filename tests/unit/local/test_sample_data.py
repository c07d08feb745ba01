from __future__ import annotations

import pytest
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


def _rows(megabytes: int = 1) -> dict[str, list[list[str]]]:
    return {
        rows.table[1]: [one.rstrip("\n").split("\t") for one in "".join(rows.lines).splitlines()]
        for rows in all_rows(Volume.of(megabytes), seed=1)
        if rows.table[0] == "shop"
    }


def test_every_line_has_a_value_for_every_column() -> None:
    for rows in all_rows(Volume.of(1), seed=1):
        widths = {text.count("\t") + 1 for text in rows.lines}

        assert widths == {len(rows.columns)}, rows.table


def test_what_refers_to_something_refers_to_what_is_there() -> None:
    shop = _rows()
    customers = {row[0] for row in shop["customers"]}
    orders = {row[0] for row in shop["orders"]}
    products = {row[0] for row in shop["products"]}

    assert {row[1] for row in shop["orders"]} <= customers
    assert {row[0] for row in shop["order_lines"]} == orders
    assert {row[2] for row in shop["order_lines"]} <= products


def test_keys_are_unique() -> None:
    shop = _rows()

    for table, width in (("customers", 1), ("orders", 1), ("products", 1), ("order_lines", 2)):
        keys = [tuple(row[:width]) for row in shop[table]]
        assert len(set(keys)) == len(keys), table


def test_more_megabytes_are_more_rows_in_proportion() -> None:
    one, ten = Volume.of(1), Volume.of(10)

    assert (ten.events, ten.orders) == (10 * one.events, 10 * one.orders)
    assert one.attachments >= 2


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, r"\N"), ("", ""), (r"\N", r"\\N"), ("a\tb", r"a\tb"), ("a\nb\r", r"a\nb\r")],
)
def test_copy_reads_a_value_as_it_was(value: str | None, written: str) -> None:
    assert line(value) == written + "\n"
