"""How a retry waits: pure policy, a clock that only moves when somebody waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.aws.retrying_catalog import Patience, RetryingCatalog, RetryPolicy
from chalicelib.adapters.aws.service_errors import BUSY, failure
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.record import Page, Query, R, Write


@dataclass
class WaitedClock:
    """Move by the pauses that were made."""

    pauses: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return sum(self.pauses)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@dataclass
class BusyCatalog:
    """Be too busy for the first calls, and note the tokens of commits."""

    busy_calls: int
    tokens: list[str] = field(default_factory=list)

    def get(self, kind: type[R], record_id: str) -> R:
        raise failure(BUSY, "read")

    def find(self, query: Query[R]) -> Page[R]:
        return Page((), None)

    def commit(self, writes: Sequence[Write]) -> None:
        raise AssertionError("a commit without a token cannot be repeated")

    def commit_once(self, writes: Sequence[Write], token: str) -> None:
        self.tokens.append(token)
        if len(self.tokens) <= self.busy_calls:
            raise failure(BUSY, "write")

    def close(self) -> None:
        self.tokens.clear()


@dataclass
class CountedIds:
    made: int = 0

    def new(self) -> str:
        self.made += 1
        return f"token {self.made}"


def wrap(
    catalog: BusyCatalog, clock: WaitedClock, policy: RetryPolicy | None = None
) -> RetryingCatalog:
    patience = Patience(clock, clock.pause, lambda: 1.0, policy or RetryPolicy())
    return RetryingCatalog(catalog, CountedIds(), patience)


def test_all_tries_of_a_commit_carry_one_token_and_the_next_commit_another() -> None:
    behind = BusyCatalog(busy_calls=3)
    catalog = wrap(behind, WaitedClock())

    catalog.commit([])
    catalog.commit([])

    assert behind.tokens == ["token 1"] * 4 + ["token 2"]


def test_pauses_double_up_to_the_longest() -> None:
    clock = WaitedClock()

    with pytest.raises(StorageFailed):
        wrap(BusyCatalog(0), clock).get(Backup, "B1")

    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0]


def test_the_deadline_ends_the_tries() -> None:
    clock = WaitedClock()
    policy = RetryPolicy(tries=1000, deadline_s=10)

    with pytest.raises(StorageFailed):
        wrap(BusyCatalog(0), clock, policy).get(Backup, "B1")

    assert 8 < clock.monotonic() <= 10


@given(tried=st.integers(1, 50), fraction=st.floats(0, 1))
def test_no_pause_is_longer_than_the_longest(tried: int, fraction: float) -> None:
    policy = RetryPolicy()

    assert 0 <= policy.pause_s(tried, fraction) <= policy.longest_pause_s


def test_all_tries_together_stay_far_below_the_life_of_a_token() -> None:
    policy = RetryPolicy()
    slowest_call_s = 13  # connect and read timeout of our clients

    assert policy.deadline_s + policy.longest_pause_s + slowest_call_s < 600 / 2


def test_closing_closes_the_catalog_behind() -> None:
    behind = BusyCatalog(0)
    catalog = wrap(behind, WaitedClock())
    catalog.commit([])

    catalog.close()

    assert behind.tokens == []
