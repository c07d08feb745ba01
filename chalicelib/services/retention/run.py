"""Apply retention to one project: look, say whether it is frozen, then remove one by one.

The oldest go first, so that whoever dies in between leaves a shorter history and no holes. What is
marked and not yet gone is finished by the next sweep.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import Conflict, KeepingError
from chalicelib.domain.project import Project
from chalicelib.domain.retention import state as state_moves
from chalicelib.domain.retention.facts import Verdict
from chalicelib.services.deletions import Deletions
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention.book import RetentionBook
from chalicelib.services.retention.look import Look, Looking
from chalicelib.services.retention.removal import ACTOR, Doomed, Removal
from chalicelib.services.retention.scopes import Scopes

BATCH: Final = 1000
"""Removals of one run, the oldest first; what is left goes in the next."""


@dataclass
class RetentionReport:
    """Count what retention did; `problems` are sentences."""

    removed: int = 0
    problems: list[str] = field(default_factory=list)


class Oldest:
    """Collect what goes, the oldest only: memory does not grow with it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.doomed: deque[tuple[str, Verdict]] = deque(maxlen=BATCH)

    def take(self, scope_id: str, verdict: Verdict) -> None:
        """Take what does not stay."""
        if not verdict.keep:
            self.doomed.append((scope_id, verdict))


@dataclass(frozen=True)
class RetentionRun:
    """Bring the backups of one project to what its policies say."""

    ledger: Ledger
    deletions: Deletions

    def run(self, project: Project, scopes: Scopes, report: RetentionReport) -> None:
        """Look at every backup, keep what was found, then remove what goes, the oldest first."""
        book = RetentionBook(self.ledger)
        looks, found = self.looking.look(project, scopes, book.read(project.id), Oldest)
        for look in looks.values():
            self._note(book, project, look)
        stale: set[str] = set()
        for scope_id, verdict in reversed(found.doomed):
            look = looks[scope_id]
            if look.survey.frozen or scope_id in stale:
                continue
            if not self._remove(Doomed(look, verdict), report):
                stale.add(scope_id)
        for look in looks.values():
            if not look.survey.frozen and look.scope.id not in stale:
                self._applied(book, project, look)

    @property
    def looking(self) -> Looking:
        """How backups are looked at."""
        return Looking(self.ledger)

    @property
    def removal(self) -> Removal:
        """How one backup is removed."""
        return Removal(self.ledger, self.deletions)

    def _note(self, book: RetentionBook, project: Project, look: Look) -> None:
        stamp = self.ledger.stamp(ACTOR)
        book.change(
            project.id,
            lambda state: state_moves.noted(state, look.scope.id, look.survey, stamp),
        )

    def _remove(self, doomed: Doomed, report: RetentionReport) -> bool:
        """Remove one backup; return whether its scope may go on."""
        try:
            report.removed += self.removal.remove(doomed)
        except Conflict:
            # what the plan counted on is not there any more: the next run plans again
            return False
        except KeepingError as error:
            # the record says so and is tried again; it must not keep the rest
            report.problems.append(f"{doomed.verdict.facts.id}: {error.code}: {error.message}")
        return True

    def _applied(self, book: RetentionBook, project: Project, look: Look) -> None:
        scope, now = look.scope, look.situation.now
        book.change(
            project.id,
            lambda state: (state_moves.applied(state, scope.id, scope.policy, now), ()),
        )
