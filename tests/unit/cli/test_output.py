from __future__ import annotations

import pytest

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
