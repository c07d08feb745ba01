"""The lane of simulated backups: thousands of cases with faults, every planted bug looked for.

python -m tests.soak simulation [--backups 10000] [--seed 0] [--repeat PARTS]

With --repeat the part of one case that a failure named is played again, and told call by call.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.checker import violations
from tests.simulation.history import Evidence
from tests.simulation.mutations import MUTATIONS
from tests.simulation.plan import case_of, narrow_case_of, slow_case_of
from tests.simulation.schedule_plan import schedule_case_of
from tests.simulation.shrink import parts_of, repeat, shrunk
from tests.simulation.simulate import Mutation, play
from tests.soak.report import BOUND, Report, bound_told

HUNT = 600
"""Seeds within which every planted bug must be found."""
MOST_FAILURES = 5
UNSOUND = "INV1"
"""How the checker begins what it says of a completed backup that is not whole."""


@dataclass
class _Tally:
    cases: int = 0
    backups: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    violations: int = 0
    false_successes: int = 0

    def take(self, evidence: Evidence) -> None:
        self.cases += 1
        self.backups += len({b.id for e in evidence.history.events for b in e.backups})
        self.calls += len(evidence.history.events)
        self.faults.update(event.fault for event in evidence.history.events if event.fault)
        self.ends.update(backup.status.value for backup in evidence.backups)

    def blame(self, found: tuple[str, ...]) -> None:
        self.violations += len(found)
        self.false_successes += sum(sentence.startswith(UNSOUND) for sentence in found)


def run(arguments: list[str]) -> Report:
    """Play cases until so many backups were asked for; shrink what fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak simulation")
    parser.add_argument("--backups", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", help="backups/faults/sweeps, as a failure names them")
    chosen = parser.parse_args(arguments)
    if chosen.repeat is not None:
        return _repeated(chosen.seed, chosen.repeat)
    began = time.perf_counter()
    tally = _played(chosen.seed, chosen.backups)
    seconds = time.perf_counter() - began
    found = {mutation.name: _hunted(mutation, chosen.seed) for mutation in MUTATIONS}
    missed = [f"the planted bug '{name}' was not found" for name, at in found.items() if at is None]
    return Report(
        "simulation",
        {
            "first seed": chosen.seed,
            "cases": tally.cases,
            "backups": tally.backups,
            "port calls": tally.calls,
            "faults that struck": tally.faults.total(),
            **{f"fault {kind}": count for kind, count in sorted(tally.faults.items())},
            **{f"backups {status}": count for status, count in sorted(tally.ends.items())},
            "violations": tally.violations,
            "false successes": tally.false_successes,
            BOUND: bound_told(tally.backups, tally.false_successes),
            "backups per second": round(tally.backups / seconds, 1),
            **{f"seeds until '{name}'": at or "never" for name, at in found.items()},
        },
        (*tally.failures, *missed),
    )


def _played(seed: int, backups: int) -> _Tally:
    tally = _Tally()
    while tally.backups < backups and len(tally.failures) < MOST_FAILURES:
        evidence = play(case_of(seed))
        tally.take(evidence)
        if found := violations(evidence):
            tally.blame(found)
            tally.failures.append(failure_of(seed))
        seed += 1
    return tally


def failure_of(seed: int, mutation: Mutation | None = None) -> str:
    """Return the small form of a failing seed: what it violates, and how to repeat it."""
    whole, chosen = case_of(seed), mutation or Mutation()
    small = shrunk(whole, lambda case: bool(violations(play(case, chosen))))
    parts = parts_of(small, whole)
    sentence = violations(play(small, chosen))[0]
    return f"{sentence}: python -m tests.soak simulation --seed {seed} --repeat {parts}"


def _hunted(mutation: Mutation, seed: int) -> int | None:
    # in turn: what is drawn widely finds most, the others take a draw of their own
    draws = (case_of, narrow_case_of, slow_case_of, schedule_case_of)
    for tried in range(HUNT):
        cases = [draw(seed + tried) for draw in draws]
        if any(violations(play(case, mutation)) for case in cases):
            return tried + 1
    return None


def _repeated(seed: int, parts: str) -> Report:
    evidence = play(repeat(case_of(seed), parts))
    for line in evidence.history.outline():
        sys.stdout.write(line + "\n")
    figures: dict[str, str | int | float] = {"seed": seed, "calls": evidence.steps}
    return Report("simulation", figures, violations(evidence), kept=False)
