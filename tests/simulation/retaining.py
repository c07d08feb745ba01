"""Cases with retention: one project keeps its last backup, people lock others while sweeps run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.services.backups import BackupChanges, BackupFilter
from chalicelib.services.projects import ProjectChanges
from tests.simulation.checker import violations as usual_violations
from tests.simulation.gate import Unexpected
from tests.simulation.history import Evidence
from tests.simulation.plan import HOUR_S, Case, Fault, Kind, Script
from tests.simulation.simulate import NO_MUTATION, Mutation, Simulation

POLICY: Final = RetentionPolicy(keep_last=1, min_keep=1, shrink_threshold=None)
"""Without the freezes that would hide a wrong decision behind them."""
_FAULTS: Final = (
    Kind.ERROR,
    Kind.LOST_ANSWER,
    Kind.CRASH_BEFORE,
    Kind.CRASH_AFTER,
    Kind.DELAY,
    Kind.STALE_LIST,
    Kind.JUMP,
)
SWEEP_CALLS: Final = 60


class RetainingSimulation(Simulation):
    """A case whose projects have a policy, and in which backups get locked."""

    def __init__(self, case: Case, folder: Path, mutation: Mutation) -> None:
        super().__init__(case, folder, mutation)
        for project_id in self.projects:
            self.services.projects.update("key:1", project_id, ProjectChanges(retention=POLICY))

    def play(self) -> Evidence:
        """Let people lock backups about the times of the sweeps, besides all else."""
        for number, at_s in enumerate(self.case.sweeps, start=1):
            # with the sweep, or in the middle of one that is held up
            delay_s = at_s + self.stage.random.uniform(0, self.stage.random.choice((2, 40)))
            self.stage.spawn(f"locker-{number}", self._lock_one, delay_s=delay_s)
        return super().play()

    def _lock_one(self) -> None:
        wanted = BackupFilter(project_id=next(iter(self.projects)), status=Status.COMPLETED)
        try:
            found = self.services.backups.find(wanted, limit=10, before_id=None).items
            if found and self.stage.random.random() < 0.3:
                changes = BackupChanges(locked=True)
                self.services.backups.update("key:2", found[-1].id, changes)
        except (HoldfastError, Unexpected):
            return  # whoever could not lock was told so


def retaining_case_of(seed: int) -> Case:
    """Return the case of a seed: backups of one project over hours, some failing."""
    random = Random(f"retaining {seed}")
    backups = random.randint(2, 4)
    at_s = sorted(random.uniform(0, 3 * HOUR_S) for _ in range(backups))
    sweeps = sorted(random.uniform(0, 6 * HOUR_S) for _ in range(10))
    return Case(
        seed=seed,
        stop_kills=True,
        scripts=tuple(Script(project=0, at_s=at) for at in at_s),
        faults=tuple(_faults(random, backups)),
        sweeps=tuple(sweeps),
    )


def _faults(random: Random, backups: int) -> Iterator[Fault]:
    for number in range(1, backups + 1):
        if random.random() < 0.3:
            # a dump is tried twice
            yield from [Fault(f"worker-{number}", 1, Kind.CHILD_FAILS)] * 2
    for sweep in random.sample(range(1, 11), 4):
        call = random.randint(20, SWEEP_CALLS)
        yield Fault(f"sweep-{sweep}", call, Kind.DELAY, round(random.uniform(5, 60), 3))
    for _ in range(random.randint(0, 3)):
        kind = random.choice(_FAULTS)
        seconds = {Kind.DELAY: random.uniform(1, 60), Kind.JUMP: random.uniform(-900, 900)}
        call = random.randint(1, SWEEP_CALLS)
        yield Fault(f"sweep-{random.randint(1, 10)}", call, kind, round(seconds.get(kind, 0.0), 3))


def play_retaining(case: Case, mutation: Mutation = NO_MUTATION) -> Evidence:
    """Play a case in a folder of its own, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        simulation = RetainingSimulation(case, Path(folder), mutation)
        try:
            return simulation.play()
        finally:
            simulation.close()


def violations(evidence: Evidence) -> tuple[str, ...]:
    """Return a sentence for everything that must not be, INV4 included."""
    return (*usual_violations(evidence), *retention_is_safe(evidence))


def retention_is_safe(evidence: Evidence) -> Iterator[str]:
    """INV4: retention never takes the newest verified backup of a project, nor a locked one."""
    last: dict[str, Backup] = {}
    for event in evidence.history.events:
        for backup in event.backups:
            before = last.get(backup.id)
            if before is not None and _takes(event.actor, before, backup):
                yield from (f"INV4: {backup.id} {what}" for what in _wrongs(before, last))
        last.update({backup.id: backup for backup in event.backups})
        for gone in event.removed:
            last.pop(gone, None)


def removals(evidence: Evidence) -> int:
    """Count what retention took."""
    last: dict[str, Backup] = {}
    count = 0
    for event in evidence.history.events:
        for backup in event.backups:
            count += backup.id in last and _takes(event.actor, last[backup.id], backup)
        last.update({backup.id: backup for backup in event.backups})
    return count


def _takes(actor: str, before: Backup, after: Backup) -> bool:
    marks = before.chore is not Chore.DELETE and after.chore is Chore.DELETE
    return marks and actor.startswith(("sweep", "rest"))


def _wrongs(taken: Backup, stored: dict[str, Backup]) -> Iterator[str]:
    good = [
        one.id
        for one in stored.values()
        if one.project_id == taken.project_id and one.validated and one.chore is not Chore.DELETE
    ]
    if taken.locked:
        yield "was removed while it was locked"
    if taken.validated and taken.id == max(good):
        yield "was removed as the newest verified one"
