"""Counting calls: in one process, and over several instances that share a catalog."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.errors import NotFound, RateLimited
from chalicelib.domain.rate_limit import Bucket, Limit
from chalicelib.services.access import OPERATOR
from chalicelib.services.rate_limits import (
    MAX_BUCKETS,
    Limits,
    LocalBuckets,
    RateLimits,
    SharedBuckets,
)
from tests.support.world import TurnedClock

TEN = Limit("calls", 10)
KEY = Actor("key:1", Role.ADMIN)


def passes(call: Callable[[], None]) -> bool:
    try:
        call()
    except RateLimited:
        return False
    return True


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def instances(tmp_path: Path, clock: TurnedClock) -> list[SharedBuckets]:
    """Two instances of the service over one catalog, each with a connection of its own."""
    path = tmp_path / "catalog.sqlite"
    return [SharedBuckets(SqliteCatalog(path), clock) for _ in range(2)]


def limits_of(path: Path, clock: TurnedClock, *, requests: int = 2, starts: int = 2) -> RateLimits:
    return RateLimits(
        Limits(Limit("requests", requests), Limit("starts", starts), Limit("strangers", requests)),
        LocalBuckets(clock),
        SharedBuckets(SqliteCatalog(path / "catalog.sqlite"), clock),
        exempt=frozenset({OPERATOR}),
    )


def test_two_instances_together_let_through_exactly_the_limit(
    instances: list[SharedBuckets],
) -> None:
    def one(number: int) -> bool:
        return passes(lambda: instances[number % 2].spend(TEN, "key:1"))

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(100)))

    assert outcomes.count(True) == 10


def test_a_shared_bucket_fills_with_time(
    instances: list[SharedBuckets], clock: TurnedClock
) -> None:
    def burst() -> int:
        return [passes(lambda: instances[0].spend(TEN, "key:1")) for _ in range(30)].count(True)

    first = burst()
    clock.turn(timedelta(seconds=18))

    assert (first, burst()) == (10, 3)


def test_keys_do_not_share_a_bucket(instances: list[SharedBuckets]) -> None:
    taken = [passes(lambda: instances[0].spend(TEN, "key:1")) for _ in range(20)]

    assert taken.count(True) == 10
    assert passes(lambda: instances[1].spend(TEN, "key:2"))


def test_local_buckets_hold_under_threads(clock: TurnedClock) -> None:
    buckets = LocalBuckets(clock)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: passes(lambda: buckets.spend(TEN, "key:1")), range(200)))

    assert outcomes.count(True) == 10


def test_a_flood_of_addresses_costs_bounded_memory(clock: TurnedClock) -> None:
    buckets = LocalBuckets(clock)
    for _ in range(10):
        buckets.spend(TEN, "busy")

    for number in range(MAX_BUCKETS - 1):
        buckets.spend(TEN, str(number))
    still_empty = not passes(lambda: buckets.spend(TEN, "busy"))
    for number in range(MAX_BUCKETS):
        buckets.spend(TEN, f"again {number}")

    assert still_empty
    assert passes(lambda: buckets.spend(TEN, "busy"))


def test_reads_write_nothing(tmp_path: Path, clock: TurnedClock) -> None:
    limits = limits_of(tmp_path, clock)

    limits.request(KEY)
    limits.stranger("203.0.113.7")

    with pytest.raises(NotFound):
        SqliteCatalog(tmp_path / "catalog.sqlite").get(Bucket, "requests:key:1")


def test_zero_is_no_limit(tmp_path: Path, clock: TurnedClock) -> None:
    limits = limits_of(tmp_path, clock, requests=0, starts=0)

    outcomes = [
        passes(call)
        for _ in range(50)
        for call in (
            lambda: limits.request(KEY),
            lambda: limits.start(KEY),
            lambda: limits.stranger("203.0.113.7"),
        )
    ]

    assert all(outcomes)


def test_the_operator_of_the_machine_goes_uncounted(tmp_path: Path, clock: TurnedClock) -> None:
    limits = limits_of(tmp_path, clock)
    operator = Actor(OPERATOR, Role.ADMIN)

    assert all(passes(lambda: limits.start(operator)) for _ in range(20))
    assert all(passes(lambda: limits.request(operator)) for _ in range(20))
