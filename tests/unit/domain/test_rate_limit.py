"""Token buckets: how many calls they let through, and when the next one may come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import RateLimited
from chalicelib.domain.rate_limit import WINDOW, Limit, network_of, spend

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = st.integers(1, 1000).map(lambda number: Limit("calls", number))


def allowed(limit: Limit, moments: list[datetime]) -> list[datetime]:
    """Return the calls of these that get through, one bucket for all of them."""
    through, full_at = [], None
    for moment in moments:
        try:
            full_at = spend(full_at, moment, limit)
        except RateLimited:
            continue
        through.append(moment)
    return through


@given(LIMITS)
def test_a_burst_gets_through_up_to_the_limit_and_no_further(limit: Limit) -> None:
    assert len(allowed(limit, [NOW] * (limit.per_minute * 3))) == limit.per_minute


@given(LIMITS, st.lists(st.integers(0, 120_000), max_size=200))
def test_no_minute_sees_more_than_a_burst_and_a_refill(limit: Limit, offsets: list[int]) -> None:
    moments = [NOW + timedelta(milliseconds=offset) for offset in sorted(offsets)]

    through = allowed(limit, moments)

    for start in through:
        assert sum(start <= one < start + WINDOW for one in through) <= 2 * limit.per_minute


@given(LIMITS)
def test_after_the_wait_the_same_call_is_taken(limit: Limit) -> None:
    full_at = None
    for _ in range(limit.per_minute):
        full_at = spend(full_at, NOW, limit)

    with pytest.raises(RateLimited) as refused:
        spend(full_at, NOW, limit)

    wait = timedelta(seconds=int(refused.value.fields["retry_after_s"]))
    assert wait <= timedelta(seconds=60)
    assert spend(full_at, NOW + wait, limit) > NOW


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    assert spend(NOW + timedelta(days=1), NOW, Limit("calls", 10)) == NOW + timedelta(seconds=6)


def test_clocks_that_differ_by_a_second_win_nothing() -> None:
    limit = Limit("calls", 10)
    full_at = None
    for _ in range(limit.per_minute):
        full_at = spend(full_at, NOW + timedelta(seconds=1), limit)

    with pytest.raises(RateLimited):
        spend(full_at, NOW, limit)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("203.0.113.7, 10.0.0.1", "unknown"),
        ("x" * 5000, "unknown"),
    ],
)
def test_an_address_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
