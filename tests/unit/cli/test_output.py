from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cli.output import print_list, print_record, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (0, "0"),
        ("naïve", "naïve"),
        ({"a": 1}, '{"a": 1}'),
        ("a\tb\nc", "a b c"),
        ("\x1b[31mred\x07", " [31mred "),
    ],
)
def test_a_value_becomes_one_line_without_control_characters(value: object, text: str) -> None:
    assert text_of(value) == text


def test_columns_reach_into_records(capsys: pytest.CaptureFixture[str]) -> None:
    page = {"items": [{"id": "1", "error": {"code": "x"}}, {"id": "2"}], "next_cursor": None}

    print_list(page, ("id", "error.code"), as_json=False)

    assert capsys.readouterr().out == "1\tx\n2\t-\n"


def test_more_pages_are_told_beside_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_list({"items": [], "next_cursor": "abc"}, ("id",), as_json=False)

    assert capsys.readouterr().err == "more: --cursor abc\n"


def test_a_record_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    record: dict[str, object] = {
        "id": "1",
        "name": None,
        "tags": {"a": "b"},
        "warnings": [],
        "locked": False,
    }

    print_record(record, as_json=False)

    assert capsys.readouterr().out == "id\t1\ntags.a\tb\nlocked\tno\n"


@given(text=st.text())
def test_no_text_moves_the_cursor_or_breaks_the_line(text: str) -> None:
    shown = text_of(text)

    assert shown.isprintable()
    assert len(shown) == len(text)


@given(record=st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_json_is_one_line_that_reads_back_as_it_was(record: dict[str, object]) -> None:
    with redirect_stdout(StringIO()) as printed:
        print_record(record, as_json=True)

    assert json.loads(printed.getvalue()) == record
    assert printed.getvalue().count("\n") == 1


def test_json_keeps_what_the_columns_leave_out(capsys: pytest.CaptureFixture[str]) -> None:
    page = {"items": [{"id": "1", "more": None}], "next_cursor": "abc"}

    print_list(page, ("id",), as_json=True)

    printed = capsys.readouterr()
    assert (json.loads(printed.out), printed.err) == (page, "")


def test_nested_fields_are_named_by_their_path(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"error": {"code": "x", "at": {"step": "dump"}}, "list": [1, 2]}, as_json=False)

    assert capsys.readouterr().out == "error.code\tx\nerror.at.step\tdump\nlist\t[1, 2]\n"


def test_a_zero_is_something(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"rows": 0, "name": ""}, as_json=False)

    assert capsys.readouterr().out == "rows\t0\n"


def test_a_line_of_a_list_has_as_many_fields_as_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = {"items": [{"a": "with\ttab", "c": None}], "next_cursor": None}

    print_list(page, ("a", "b", "c", "a.b"), as_json=False)

    assert capsys.readouterr().out == "with tab\t-\t-\t-\n"
