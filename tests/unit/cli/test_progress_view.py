from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from chalicelib.cli.interruption import Interruption
from chalicelib.cli.output import text_of
from chalicelib.cli.progress_view import (
    BarView,
    LineView,
    SilentView,
    ViewWatch,
    describe,
    duration,
    size,
    view_for,
)
from chalicelib.domain.errors import Cancelled
from chalicelib.domain.progress import Progress

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _progress(after_s: float = 0, **fields: Any) -> Progress:
    values = {"id": "b", "phase": "dump", "at": NOW + timedelta(seconds=after_s), **fields}
    return Progress.model_validate(values)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (4e15, "4000.0 TB")],
)
def test_sizes_read_as_people_write_them(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")]
)
def test_times_read_as_people_write_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_tells_share_rate_rest_and_table() -> None:
    line = describe(
        _progress(
            raw_bytes_done=50_000,
            raw_bytes_total=200_000,
            bytes_per_s=1000.0,
            eta_s=150.0,
            table="shop.orders",
        )
    )

    assert line == "dump, 50.0 kB, 25%, 1.0 kB/s, 2 min 30 s left, shop.orders"


@pytest.mark.parametrize("table", ["[/x]", "[bold", "a\x1b[2Jb"])
def test_a_bar_takes_any_table_name(table: str) -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=200)

    with BarView(console) as view:
        view.show(_progress(table=table, raw_bytes_total=9))

    shown = screen.getvalue()
    assert text_of(table) in shown
    assert "\x1b[2J" not in shown


def test_lines_come_every_few_seconds_and_with_each_phase() -> None:
    lines: list[str] = []
    view = LineView(lines.append, every_s=5)

    for after_s, phase in ((0, "dump"), (1, "dump"), (4, "dump"), (5, "dump"), (6, "verify")):
        view.show(_progress(after_s, phase=phase))

    assert lines == ["dump", "dump", "verify"]


def test_work_stops_once_a_signal_has_asked_for_it() -> None:
    interruption = Interruption()
    watch = ViewWatch(interruption, SilentView())
    watch.check(_progress())

    interruption.asked = True

    with pytest.raises(Cancelled, match="interrupted"):
        watch.check(_progress())


@given(count=st.integers(0, 10**18))
def test_a_size_has_at_most_a_number_and_a_unit(count: int) -> None:
    number, unit = size(count).split(" ")

    assert unit in {"B", "kB", "MB", "GB", "TB"}
    assert float(number) >= 0


@given(table=st.text(), done=st.integers(0, 10**12), total=st.none() | st.integers(0, 10**12))
def test_a_description_is_one_printable_line(table: str, done: int, total: int | None) -> None:
    line = describe(_progress(table=table, raw_bytes_done=done, raw_bytes_total=total))

    assert line.isprintable()
    assert line.startswith("dump")


def test_more_than_was_expected_is_never_more_than_all() -> None:
    assert "100%" in describe(_progress(raw_bytes_done=300, raw_bytes_total=200))


def test_nothing_is_invented_while_nothing_is_known() -> None:
    assert describe(_progress()) == "dump"


def _drawn(*states: Progress) -> str:
    screen = StringIO()
    with BarView(Console(file=screen, force_terminal=True, width=200)) as view:
        for state in states:
            view.show(state)
    return screen.getvalue()


def test_the_bar_counts_stored_bytes_where_raw_ones_are_unknown() -> None:
    drawn = _drawn(_progress(stored_bytes=7_000_000))

    assert "7.0/? MB" in drawn


def test_the_bar_does_not_carry_a_total_into_the_next_phase() -> None:
    drawn = _drawn(
        _progress(raw_bytes_done=1_000_000, raw_bytes_total=2_000_000),
        _progress(phase="seal", raw_bytes_done=3_000_000),
    )

    assert "3.0/? MB" in drawn
    assert "seal" in drawn


def test_programs_get_no_progress() -> None:
    assert isinstance(view_for(as_json=True), SilentView)


def test_without_a_terminal_there_are_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with view_for(as_json=False) as view:
        view.show(_progress(raw_bytes_done=1))

    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "dump, 1 B\n")


def test_a_watch_shows_what_it_is_told() -> None:
    lines: list[str] = []

    ViewWatch(Interruption(), LineView(lines.append)).phase("verify", 1, 4)

    assert lines == ["verify, 1 B, 25%"]
