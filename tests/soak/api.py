"""Generated requests against the whole API, as many as one likes, in several processes.

`python -m tests.soak.api 100000` prints what was sent and exits with 1 when any check failed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemathesis.core.failures import FailureGroup

from tests.support.api_cases import Tally, api_schema, api_world, fuzz, operations

ROUND_CASES: Final = 400
"""Cases per operation before a fresh service takes over: lists grow, and time with them."""


@dataclass(frozen=True)
class ApiSoak:
    """Say what was sent and how it went; the same seed sends the same again."""

    seed: int
    tally: Tally
    duration_s: float

    @property
    def text(self) -> str:
        """The result as lines for a report."""
        tally = self.tally
        lines = [
            f"{tally.cases} generated requests with seed {self.seed} in {self.duration_s:.0f} s,",
            f"{len(tally.failures)} failures; answers by status: "
            + ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items())),
            "refused by a rule that a schema cannot state: "
            + ", ".join(f"{rule} ({count})" for rule, count in sorted(tally.excused.items())),
        ]
        return "\n".join([*lines, *tally.failures])


def run(cases: int, seed: int) -> ApiSoak:
    """Send at least so many generated requests, on all processors."""
    begun = time.monotonic()
    lanes = max(1, len(os.sched_getaffinity(0)))
    share = -(-cases // lanes)
    with ProcessPoolExecutor(lanes) as pool:
        tallies = list(
            pool.map(_lane, [share] * lanes, [seed + 1_000_003 * lane for lane in range(lanes)])
        )
    return ApiSoak(seed, _sum(tallies), time.monotonic() - begun)


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


def main() -> None:
    """Run as a program: how many cases, and the seed if any."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    result = run(numbers[0] if numbers else 100_000, numbers[1] if len(numbers) > 1 else 1)
    print(result.text)
    sys.exit(1 if result.tally.failures else 0)


if __name__ == "__main__":
    main()
