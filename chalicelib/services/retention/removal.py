"""Remove one backup that retention does not keep, if all is still as it was judged.

Between the look and the removal anything may happen: a lock, a restore, a verification that fails.
So it is decided again on the record as it then stands, and the commit also compares the newest
validated backups that the plan counted on, the floor: if one of them changed in between, the
catalog refuses the whole commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import Backup, Chore
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.retention.facts import Standing, Verdict
from chalicelib.domain.retention.outlines import outline_of
from chalicelib.services.being_restored import restores_under_way
from chalicelib.services.deletions import Deletions
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention.look import Look
from chalicelib.services.retention.scopes import obstacles

ACTOR: Final = "retention"


@dataclass(frozen=True)
class Doomed:
    """Name a backup that goes, as it was when that was decided, and what was seen around it."""

    look: Look
    verdict: Verdict


@dataclass(frozen=True)
class Removal:
    """Take one backup from judged to gone."""

    ledger: Ledger
    deletions: Deletions

    def remove(self, doomed: Doomed) -> bool:
        """Remove it; return False when it is not as it was judged, so that it stays.

        Conflict when the floor is not what it was: then nothing more of this scope may go. A
        KeepingError is the store's refusal, which the record keeps and the sweeper tries again.
        """
        marked = self.mark(doomed)
        if marked is None:
            return False
        self.deletions.finish(marked)
        return True

    def mark(self, doomed: Doomed) -> Backup | None:
        """Mark it for deletion, which is where it is decided; None when it stays."""
        taken = False

        def decide(backup: Backup) -> tuple[Write, ...]:
            nonlocal taken
            taken = self.is_as_judged(doomed, backup)
            return self._writes(doomed, backup) if taken else ()

        try:
            marked = self.ledger.apply(Backup, doomed.verdict.facts.id, decide)
        except NotFound:
            return None  # somebody else deleted it
        return marked if taken else None

    def is_as_judged(self, doomed: Doomed, backup: Backup) -> bool:
        """Tell whether nothing happened to the backup, and nobody began to work with it."""
        if backup.chore is Chore.DELETE or outline_of(backup).facts != doomed.verdict.facts:
            return False
        found, situation = obstacles(self.ledger.catalog), doomed.look.situation
        began = (found.in_use - situation.in_use) | (found.parents - situation.parents)
        # the lists behind `found` may lag; what the record names does not
        return backup.id not in began and not restores_under_way(self.ledger.catalog, backup)

    def _writes(self, doomed: Doomed, backup: Backup) -> tuple[Write, ...]:
        marked = backup.model_copy(update={"chore": Chore.DELETE})
        return (Replace(marked), self._event(doomed, backup), *self._floor(doomed))

    def _event(self, doomed: Doomed, backup: Backup) -> Insert:
        return self.ledger.event(
            ACTOR,
            "backup.deleted",
            backup.id,
            backup.project_id,
            name=backup.name,
            reasons=", ".join(doomed.verdict.reasons),
            scope=doomed.look.scope.id,
        )

    def _floor(self, doomed: Doomed) -> Iterator[Write]:
        """Yield writes that change nothing and fail when the floor changed since it was read."""
        # whatever is not validated leaves as many good backups as there were
        if doomed.verdict.facts.standing is not Standing.VALIDATED:
            return
        for backup_id in doomed.look.survey.floor:
            try:
                held = self.ledger.catalog.get(Backup, backup_id)
            except NotFound as error:
                raise Conflict(f"backup {backup_id}, which had to stay, is gone") from error
            if held.chore is Chore.DELETE or outline_of(held).standing is not Standing.VALIDATED:
                raise Conflict(f"backup {backup_id}, which had to stay, is not good any more")
            yield Replace(held)
