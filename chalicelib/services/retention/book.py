"""Keep what retention remembers of a project, by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.errors import Conflict, NotFound, RevisionConflict
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.retention.state import RetentionState
from chalicelib.services.ledger import MAX_TRIES, Ledger

Change = Callable[[RetentionState], tuple[RetentionState, tuple[Write, ...]]]


@dataclass(frozen=True)
class RetentionBook:
    """Read and change the state of projects, which begins with the first look."""

    ledger: Ledger

    def read(self, project_id: str) -> RetentionState:
        """Return the state; an empty one when there is none yet."""
        try:
            return self.ledger.catalog.get(RetentionState, project_id)
        except NotFound:
            return RetentionState(id=project_id)

    def change(self, project_id: str, decide: Change) -> RetentionState:
        """Decide on the state as it stands and keep it; what is told goes into the same commit."""
        for _ in range(MAX_TRIES):
            before = self.read(project_id)
            after, others = decide(before)
            if after == before and not others:
                return before
            kept: Write = Replace(after) if before.revision else Insert(after)
            try:
                self.ledger.catalog.commit([kept, *others])
            except Conflict:
                continue
            return after
        raise RevisionConflict("the state of retention keeps changing under our hands")
