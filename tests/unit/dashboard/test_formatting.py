"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.dashboard import formatting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_330_619, "9.3 MB"),  # noqa: RUF001 - the sign for nothing
     (5_000_000_000_000_000, "5000.0 TB")],
)  # fmt: skip
def test_sizes(count: int | None, text: str) -> None:
    assert formatting.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.04, "0.0 s"), (4.21, "4.2 s"), (59.4, "59 s"), (72, "1 min 12 s"),  # noqa: RUF001 - the sign for nothing
     (120, "2 min"), (11_100, "3 h 5 min"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [(timedelta(seconds=3), "just now"), (timedelta(minutes=1), "1 minute ago"),
     (timedelta(hours=5.5), "5 hours ago"), (timedelta(days=3), "3 days ago"),
     (timedelta(days=-2), "in 2 days")],
)  # fmt: skip
def test_distances(before: timedelta, text: str) -> None:
    assert formatting.ago(NOW - before, NOW) == text


def test_what_never_was_is_never_ago() -> None:
    assert formatting.ago(None, NOW) == "never"


def test_counts_are_grouped_by_thousands() -> None:
    assert formatting.number(1_234_567) == "1\u202f234\u202f567"
