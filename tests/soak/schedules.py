"""The lane of schedules: simulated faults, and ten thousand runs that are due in one minute.

python -m tests.soak schedules [--cases 1000] [--seed 0] [--schedules 10000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.record import Insert, Write
from chalicelib.domain.schedule import Schedule, expected_run
from tests.simulation.checker import violations
from tests.simulation.schedule_plan import schedule_case_of
from tests.simulation.simulate import play
from tests.soak.report import Report
from tests.support.world import World, build_world

TIME_LIMIT_S = 60.0
AT_ONCE = 100
MOST_FAILURES = 5


def run(arguments: list[str]) -> Report:
    """Play cases, then start a crowd."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak schedules")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=10_000)
    chosen = parser.parse_args(arguments)
    counted, failures = _played(chosen.seed, chosen.cases)
    seconds, crowd = _started(chosen.schedules)
    figures: dict[str, str | int | float] = {
        "first seed": chosen.seed,
        **dict(sorted(counted.items())),
        "schedules due in one minute": chosen.schedules,
        "seconds until all were started": round(seconds, 1),
    }
    return Report("schedules", figures, (*failures, *crowd))


def _played(seed: int, cases: int) -> tuple[Counter[str], list[str]]:
    counted: Counter[str] = Counter(cases=cases)
    failures: list[str] = []
    for number in range(seed, seed + cases):
        evidence = play(schedule_case_of(number))
        counted.update(f"runs {run.state}" for run in evidence.runs)
        counted.update(f"fault {e.fault}" for e in evidence.history.events if e.fault)
        counted["instants missed and told"] += sum(run.missed_count for run in evidence.runs)
        found = violations(evidence)
        if found:
            failures.append(f"{found[0]}: python -m tests.soak schedules --cases 1 --seed {number}")
        if len(failures) == MOST_FAILURES:
            break
    return counted, failures


def _started(count: int) -> tuple[float, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        world = build_world(Path(folder))
        _crowd(world, count)
        world.clock.turn(timedelta(hours=1))
        began = time.perf_counter()
        while world.services.due_runs.start_due().runs:
            pass
        seconds = time.perf_counter() - began
        waiting = world.workflow.waiting_count()
    failures = []
    if waiting != count:
        failures.append(f"{waiting} of {count} runs were started")
    if seconds > TIME_LIMIT_S:
        failures.append(f"starting took {seconds:.0f} s")
    return seconds, failures


def _crowd(world: World, count: int) -> None:
    """Store schedules that are all due in an hour, many in a commit."""
    project = world.project()
    now = world.clock.now()
    writes: list[Write] = []
    for number in range(count):
        schedule = Schedule(
            id=world.services.ledger.ids.new(),
            name=f"schedule {number}",
            project_id=project.id,
            cron="hourly",
            created_at=now,
            updated_at=now,
        ).planned(now)
        assert schedule.next is not None
        writes += [Insert(schedule), Insert(expected_run(schedule, schedule.next))]
        if len(writes) >= AT_ONCE or number == count - 1:
            world.services.ledger.catalog.commit(writes)
            writes = []
