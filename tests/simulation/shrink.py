"""Make a failing case small: fewer backups, fewer faults, fewer sweeps, as long as it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.plan import Case

MAX_PLAYS = 150


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Return a smaller case that still fails; dropping any one thing more would not."""
    plays = 0
    while True:
        for smaller in _smaller(case):
            plays += 1
            if plays > MAX_PLAYS:
                return case
            if fails(smaller):
                case = smaller
                break
        else:
            return case


def _smaller(case: Case) -> Iterator[Case]:
    # halves first: most of a case has nothing to do with its failure
    for size in (len(case.faults) // 2, 1):
        for start in range(0, len(case.faults), max(size, 1)):
            yield replace(case, faults=case.faults[:start] + case.faults[start + max(size, 1) :])
    if len(case.scripts) > 1:
        yield replace(case, scripts=case.scripts[:-1])
        yield replace(case, scripts=case.scripts[1:])
    for index in range(len(case.appointments)):
        kept = case.appointments[:index] + case.appointments[index + 1 :]
        yield replace(case, appointments=kept)
    for size in (len(case.sweeps) // 2, 1):
        for start in range(0, len(case.sweeps), max(size, 1)):
            yield replace(case, sweeps=case.sweeps[:start] + case.sweeps[start + max(size, 1) :])


def parts_of(small: Case, whole: Case) -> str:
    """Return what of a case a smaller one kept, as `repeat` reads it: backups/faults/sweeps."""
    kept = (
        _indexes(small.scripts, whole.scripts),
        _indexes(small.faults, whole.faults),
        _indexes(small.sweeps, whole.sweeps),
    )
    return "/".join(",".join(str(index) for index in indexes) for indexes in kept)


def repeat(whole: Case, parts: str) -> Case:
    """Return the part of a case that `parts_of` described."""
    scripts, faults, sweeps = (
        [int(index) for index in part.split(",") if index] for part in parts.split("/")
    )
    return replace(
        whole,
        scripts=tuple(whole.scripts[index] for index in scripts),
        faults=tuple(whole.faults[index] for index in faults),
        sweeps=tuple(whole.sweeps[index] for index in sweeps),
    )


def _indexes(kept: tuple[object, ...], whole: tuple[object, ...]) -> list[int]:
    # what is kept is kept in order, so that each is found behind the one before
    found: list[int] = []
    for item in kept:
        found.append(whole.index(item, found[-1] + 1 if found else 0))
    return found
