"""The lane of the API: generated requests, all checks on, in several processes."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from schemathesis.core.failures import FailureGroup

from tests.soak.report import Report, bound_told, sized
from tests.support.api_cases import Tally, api_schema, api_world, fuzz, operations

CASES: Final = 100_000
ROUND_CASES: Final = 400
"""Cases per operation before a fresh service takes over: lists grow, and time with them."""


def run(arguments: list[str]) -> Report:
    """Send at least so many generated requests, on all processors."""
    cases, seed = sized("api", "cases", CASES, arguments)
    begun = time.monotonic()
    lanes = max(1, len(os.sched_getaffinity(0)))
    share = -(-cases // lanes)
    with ProcessPoolExecutor(lanes) as pool:
        tallies = list(
            pool.map(_lane, [share] * lanes, [seed + 1_000_003 * lane for lane in range(lanes)])
        )
    return _report(_sum(tallies), seed, time.monotonic() - begun)


def one_round(tally: Tally, cases_per_operation: int, seed: int) -> None:
    """Send cases to every operation of a fresh service; what fails is kept in the tally."""
    with tempfile.TemporaryDirectory() as folder, api_world(Path(folder) / "data") as world:
        for label, operation in operations(api_schema(world.app)).items():
            try:
                fuzz(operation, world, tally, cases_per_operation, seed)
            except FailureGroup as group:
                tally.failures.append(f"{label} (seed {seed}): {group}")


def _lane(cases: int, seed: int) -> Tally:
    tally = Tally()
    while tally.cases < cases:
        one_round(tally, min(ROUND_CASES, cases), seed)
        seed += 1
    return tally


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.cases += tally.cases
        total.statuses += tally.statuses
        total.excused += tally.excused
        total.failures += tally.failures
    return total


def _report(tally: Tally, seed: int, seconds: float) -> Report:
    figures: dict[str, str | int | float] = {
        "first seed": seed,
        "generated requests": tally.cases,
        "violations": len(tally.failures),
        "95 % bound on failing requests": bound_told(tally.cases, len(tally.failures)),
        "requests per second": round(tally.cases / seconds),
        **{f"answers {status}": count for status, count in sorted(tally.statuses.items())},
        **{f"refused by a rule: {rule}": count for rule, count in sorted(tally.excused.items())},
    }
    return Report("api", figures, tuple(tally.failures))
