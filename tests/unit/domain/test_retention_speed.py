"""Retention over a hundred thousand backups: quick, and in memory that does not grow with them."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.domain.retention.facts import BackupFacts, Situation
from chalicelib.domain.retention.plan import survey, verdicts
from chalicelib.domain.retention.policy import RetentionPolicy
from tests.support.retention_histories import START, facts

BACKUPS = 100_000
POLICY = RetentionPolicy(
    keep_last=50, keep_days=30, hourly=48, daily=90, weekly=52, monthly=60, yearly=20
)
SITUATION = Situation(now=START + timedelta(days=36_500))
LIMIT_S = 30.0
"""Far above what it takes on a machine that has nothing else to do; the bench has the true one."""
LIMIT_BYTES = 1_000_000


def hours(count: int) -> Iterator[BackupFacts]:
    return (facts(n, created_at=START + timedelta(hours=n)) for n in range(count, 0, -1))


def removals(count: int) -> int:
    found = survey(POLICY, SITUATION, hours(count))
    return sum(not verdict.keep for verdict in verdicts(POLICY, SITUATION, found, hours(count)))


def test_a_hundred_thousand_backups_take_seconds() -> None:
    began = time.perf_counter()

    removed = removals(BACKUPS)

    assert removed > BACKUPS * 0.95
    assert time.perf_counter() - began < LIMIT_S


@pytest.mark.parametrize("count", [100, 20_000])
def test_memory_does_not_grow_with_the_backups(count: int) -> None:
    removals(10)
    tracemalloc.start()

    removals(count)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < LIMIT_BYTES
