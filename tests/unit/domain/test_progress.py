"""Promises of the progress tracker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.progress import ProgressTracker, TableSize

START = datetime(2026, 3, 1, tzinfo=UTC)
SIZES = (TableSize("public.a", 100), TableSize("public.b", 300))


def tracker() -> ProgressTracker:
    return ProgressTracker("B", "dump", SIZES)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_total_begins_as_the_catalogues_sizes() -> None:
    assert tracker().at(START).raw_bytes_total == 400


def test_a_finished_table_corrects_the_total() -> None:
    subject = tracker()
    subject.table_started("public.a")
    subject.copied("public.a", 150)
    subject.table_started("public.b")

    assert subject.at(START).raw_bytes_total == 450


def test_a_table_nobody_saw_counts_with_its_catalogue_size() -> None:
    subject = tracker()
    subject.table_started("public.a")
    subject.table_started("public.b")

    assert subject.at(START).raw_bytes_done == 100


def test_counts_never_go_back() -> None:
    subject = tracker()
    subject.table_started("public.a")
    subject.copied("public.a", 80)
    subject.copied("public.a", 20)

    assert subject.at(START).raw_bytes_done == 80


def test_the_running_table_is_named_and_not_counted_as_done() -> None:
    subject = tracker()
    subject.table_started("public.a")
    subject.table_started("public.b")

    progress = subject.at(START)

    assert (progress.table, progress.tables_done, progress.tables_total) == ("public.b", 1, 2)


def test_rate_and_remaining_time_come_from_raw_bytes() -> None:
    subject = tracker()
    subject.table_started("public.b")
    subject.at(at(0))
    subject.copied("public.b", 100)
    subject.stored(7)

    progress = subject.at(at(10))

    assert (progress.bytes_per_s, progress.eta_s, progress.stored_bytes) == (10.0, 30.0, 7)


def test_the_rate_follows_the_last_seconds() -> None:
    subject = tracker()
    subject.table_started("public.b")
    for second in range(60):
        subject.copied("public.b", min(30, second))
        progress = subject.at(at(second))

    assert progress.bytes_per_s == 0


def test_without_a_catalogue_there_is_no_total() -> None:
    progress = ProgressTracker("B", "dump").at(START)

    assert (progress.raw_bytes_total, progress.fraction, progress.eta_s) == (None, None, None)


def test_when_finished_everything_is_done() -> None:
    subject = tracker()
    subject.table_started("public.a")
    subject.table_started("public.b")
    subject.finished()

    progress = subject.at(START)

    assert (progress.fraction, progress.tables_done, progress.table) == (1.0, 2, None)


EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(min_value=0, max_value=10**12)),
    max_size=40,
)


@given(EVENTS)
def test_done_never_shrinks_and_never_passes_the_total(events: list[tuple[str, bool, int]]) -> None:
    subject = tracker()
    last = 0

    for second, (table, starts, size) in enumerate(events):
        if starts:
            subject.table_started(f"public.{table}")
        else:
            subject.copied(f"public.{table}", size)
        progress = subject.at(at(second))

        assert last <= progress.raw_bytes_done <= (progress.raw_bytes_total or 0)
        last = progress.raw_bytes_done


@pytest.mark.parametrize("gap_s", [0, 0.0])
def test_two_looks_at_the_same_moment_give_no_rate(gap_s: float) -> None:
    subject = tracker()
    subject.at(START)

    assert subject.at(at(gap_s)).bytes_per_s is None
