"""The limit of starts is exact over all instances of the service, whatever keeps its records."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Barrier

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.errors import RateLimited
from chalicelib.services.rate_limits import RateLimits
from tests.support.seaweedfs import WORKER
from tests.support.stack import Stack, opened_with
from tests.support.world import TurnedClock

ALLOWED = 6
THREADS = 4
CALLS_PER_THREAD = 4
KEY = Actor("key:1", Role.ADMIN)


@contextmanager
def instance(stack: Stack) -> Iterator[RateLimits]:
    """Open the service of a stack once more, as another process would, at a moment that stays."""
    environment = {**stack.environment, "HOLDFAST_STARTS_PER_MINUTE": str(ALLOWED)}
    with opened_with(stack.name, environment, WORKER) as other:
        adapters = replace(other.services.adapters, clock=TurnedClock())
        yield Services(other.services.settings, adapters).rate_limits


@pytest.fixture
def instances(stack: Stack) -> Iterator[list[RateLimits]]:
    with ExitStack() as held:
        yield [held.enter_context(instance(stack)) for _ in range(2)]


def test_two_instances_together_start_exactly_as_often_as_is_allowed(
    instances: list[RateLimits],
) -> None:
    together = Barrier(THREADS)

    def admitted(number: int) -> int:
        together.wait(timeout=30)
        return sum(passes(instances[number % 2]) for _ in range(CALLS_PER_THREAD))

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(admitted, range(THREADS)))

    assert sum(counts) == ALLOWED


def test_what_one_instance_let_through_another_counts(instances: list[RateLimits]) -> None:
    first = sum(passes(instances[0]) for _ in range(ALLOWED - 1))

    second = sum(passes(instances[1]) for _ in range(ALLOWED))

    assert (first, second) == (ALLOWED - 1, 1)


def passes(limits: RateLimits) -> bool:
    try:
        limits.start(KEY)
    except RateLimited:
        return False
    return True
