"""Find out whether a run has lost its worker, and end the execution of one that is overdue.

What leads here is a listing, which may lag behind: a run in it may long be over, or hold a newer
lease. So nothing is stopped on its word. The overdue lease is taken away first, by compare-and-swap
on the record as it stands: whoever held it can change nothing any more, dead or only asleep, and a
worker that renewed it in time keeps it and is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from chalicelib.domain import runs
from chalicelib.domain.backup import Backup
from chalicelib.domain.execution import Work
from chalicelib.domain.restore import Restore
from chalicelib.ports import Workflow
from chalicelib.services.ledger import Ledger

R = TypeVar("R", Backup, Restore)


@dataclass(frozen=True)
class LostRuns:
    """Judge runs on behalf of `actor`, which must be no worker's name."""

    ledger: Ledger
    workflow: Workflow
    actor: str

    def is_lost(self, work: Work, listed: R) -> bool:
        """Tell whether no worker will go on with a listed run; an overdue execution is ended."""
        if not self.workflow.is_running(work, listed.id):
            return True
        # the lease of a listing is never newer than the record's, so this spares most reads
        if not runs.is_overdue(listed, self.ledger.clock.now()):
            return False
        stamp = self.ledger.stamp(self.actor)
        found = self.ledger.apply(type(listed), listed.id, lambda run: runs.seized(run, stamp))
        if found.lease is None or found.lease.owner != self.actor:
            return False
        self.workflow.stop(work, listed.id)
        return True
