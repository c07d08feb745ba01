"""Put faults into real runs, many times: servers, workers, lines and disks that really break.

`run` goes through the matrix by weight, one seed per run, and returns what each cell expected and
what was found. A failure names its cell and seed; the same seed draws the same fault again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

from tests.faults import checker, matrix
from tests.faults.cells import Cell, Draw, Finding
from tests.faults.stand import Stand, opened
from tests.soak.report import BOUND, Report, bound_told, sized
from tests.support.stack import AWS, EMBEDDED, SETS

RUNS: Final = 600
RESTORE_EVERY: Final = 10
"""One completed backup in so many is restored into a database and compared."""

SHARES: Final = {EMBEDDED: 1.0, AWS: 0.25}
"""How often a set comes: a run over the servers behind AWS adapters takes five times as long."""


@dataclass(frozen=True)
class Result:
    """Say what came of one run; `found` names broken promises."""

    cell: Cell
    adapters: str
    seed: int
    end: str
    at: str
    struck: bool
    took_s: float
    found: tuple[Finding, ...]


@dataclass
class Tally:
    """Count the runs of one cell."""

    expected: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    struck: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        ends = ", ".join(f"{end} {count}" for end, count in self.ends.most_common())
        return f"{self.runs} runs, {self.struck} struck: {ends}; {self.seconds / self.runs:.1f} s"


def run(arguments: list[str]) -> Report:
    """Run so many faults over both sets of adapters."""
    runs, seed = sized("faults", "runs", RUNS, arguments)
    began = monotonic()
    results: list[Result] = []
    with ExitStack() as held:
        stands = {name: held.enter_context(opened(name)) for name in SETS}
        for turn, (cell, name) in enumerate(_schedule(runs, seed)):
            results.append(_one_or_why(stands[name], cell, seed + turn))
    return report(results, seed, monotonic() - began)


def one(stand: Stand, cell: Cell, seed: int, *, restore: bool | None = None) -> Result:
    """Put one fault into one run and judge it; the stand is then as it was before."""
    draw = Draw(Random(f"{cell}/{seed}"), seed)  # noqa: S311 - repeatable on purpose
    began = monotonic()
    trial = cell.act(stand, draw)
    took_s = monotonic() - began
    stand = trial.where or stand
    found = list(checker.violations(stand, trial, took_s, cell.within_s))
    if restore if restore is not None else seed % RESTORE_EVERY == 0:
        found += checker.restore_differs(stand, trial.backup)
    end = checker.end_of(stand.record(trial.backup))
    stand.forget(trial.backup)
    return Result(cell, stand.stack.name, seed, end, trial.at, trial.struck, took_s, tuple(found))


def _one_or_why(stand: Stand, cell: Cell, seed: int) -> Result:
    """Judge a run that broke the harness as broken too, and go on with the next."""
    try:
        return one(stand, cell, seed)
    except Exception as error:  # noqa: BLE001 - nothing may hide, and nothing may end the matrix
        stand.revive()
        why = f"the run itself broke: {type(error).__name__}: {error}"[:300]
        return Result(cell, stand.stack.name, seed, "broke", "", False, 0.0, (Finding(why),))


def report(results: Sequence[Result], seed: int, seconds: float) -> Report:
    """Sum the runs up, with a seed for each that broke a promise."""
    bad = [result for result in results if result.found]
    false = [r for r in bad if any(finding.is_false_success for finding in r.found)]
    struck = sum(result.struck for result in results)
    figures: dict[str, str | int | float] = {
        "first seed": seed,
        "runs": len(results),
        "runs whose fault struck": struck,
        "violations": sum(len(result.found) for result in results),
        "false successes": len(false),
        BOUND: bound_told(struck, len(false)),
        "seconds": round(seconds, 1),
        **{name: str(tally) for name, tally in sorted(_tallies(results).items())},
        **{f"left out {number}": why for number, why in enumerate(matrix.LEFT_OUT, 1)},
    }
    return Report("faults", figures, tuple(_told(result) for result in bad))


def _told(result: Result) -> str:
    where = f" at {result.at}" if result.at else ""
    promises = "; ".join(map(str, result.found))
    return f"{result.cell} ({result.adapters}), seed {result.seed}{where}: {promises}"


def _schedule(runs: int, seed: int) -> Iterator[tuple[Cell, str]]:
    """Name every cell on every set once, then by weight."""
    pairs = [(cell, name) for cell in matrix.CELLS for name in cell.sets]
    yield from pairs[:runs]
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    weights = [cell.weight * SHARES[name] for cell, name in pairs]
    yield from chance.choices(pairs, weights, k=max(0, runs - len(pairs)))


def _tallies(results: Sequence[Result]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for result in results:
        tally = tallies.setdefault(f"{result.cell} ({result.adapters})", Tally())
        tally.runs += 1
        tally.struck += result.struck
        tally.seconds += result.took_s
        tally.ends[result.end] += 1
    return tallies
