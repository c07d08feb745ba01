"""End restores whose worker is gone, and clear what it left: downloads, passwords."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.domain import restore_moves, runs
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job
from chalicelib.domain.record import Write
from chalicelib.domain.restore import Restore
from chalicelib.domain.runs import Stamp
from chalicelib.ports import Workflow
from chalicelib.services.lost_runs import LostRuns
from chalicelib.services.restores import Restores

ACTOR: Final = "sweeper"


@dataclass(frozen=True)
class RestoreReaper:
    """Bring a restore whose worker vanished to an honest end."""

    restores: Restores
    workflow: Workflow
    scratch: Path

    def reap(self, restore: Restore) -> bool:
        """End the restore if its worker is gone; return whether it was ours to end.

        It is never begun again, and never taken for done: nobody has compared the target.
        """
        if not self._is_lost(restore):
            return False
        self.clear_scratch(restore.id)
        stamp = self.restores.ledger.stamp(ACTOR)
        # read again: to look whether it is lost may have taken the lease away
        lease = self.restores.get(restore.id).lease
        generation = lease.generation if lease else None

        def decide(found: Restore) -> tuple[Write, ...]:
            return _ended(found, stamp, generation)

        after = self.restores.ledger.apply(Restore, restore.id, decide)
        self.restores.finish(after)
        return after.status is not Status.IN_PROGRESS

    def clear_job(self, job: Job) -> None:
        """Remove what a preflight that was lost has left."""
        arguments = job.arguments.restore
        if arguments is not None:
            self.clear_scratch(job.id)
            self.restores.secrets.delete(arguments.secret_name(job.id))

    def clear_scratch(self, run_id: str) -> None:
        """Remove what a dead worker has downloaded."""
        shutil.rmtree(self.scratch / f"restore-{run_id}", ignore_errors=True)

    def _is_lost(self, restore: Restore) -> bool:
        return LostRuns(self.restores.ledger, self.workflow, ACTOR).is_lost(Work.RESTORE, restore)


def _ended(found: Restore, stamp: Stamp, generation: int | None) -> tuple[Write, ...]:
    # the worker may have ended well between our list and our question
    if found.status is not Status.IN_PROGRESS:
        return ()
    if generation is not None:
        runs.require_lease(found, generation)
    if found.cancel_requested:
        return restore_moves.cancelled(found, stamp)
    return restore_moves.failed(found, stamp, _lost(found, stamp), generation=None)


def _lost(found: Restore, stamp: Stamp) -> HoldfastError:
    error = runs.lost(found, stamp.now)
    return type(error)(error.message, hint=restore_moves.hint_of(found))
