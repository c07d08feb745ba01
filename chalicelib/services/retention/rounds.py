"""Rounds of retention through the projects that have a policy, their own or a schedule's.

A round comes by the hour, however often the sweeper does; in between a sweep reads one record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain.errors import Conflict, HoldfastError, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query, Replace
from chalicelib.domain.retention.state import ROUND_ID, RetentionRound
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention.run import RetentionReport, RetentionRun
from chalicelib.services.retention.scopes import Scopes, pages, schedules_with_policy, scopes_of

EVERY: Final = timedelta(hours=1)
MOST_S: Final = 120.0
"""How long one sweep may spend here; a longer round goes on with the next sweep."""


@dataclass(frozen=True)
class RetentionRounds:
    """Apply the policies, one project after the other."""

    ledger: Ledger
    run: RetentionRun

    def sweep(self) -> RetentionReport:
        """Go on with the round if one is due; two sweepers at once never do the same one."""
        report = RetentionReport()
        begun = self._claimed()
        if begun is None:
            return report
        started_s = self.ledger.clock.monotonic()
        schedules = schedules_with_policy(self.ledger.catalog)
        for project in pages(self.ledger.catalog, Query(Project, before_id=begun.before_id)):
            self._apply(project, scopes_of(project, schedules), report)
            if self.ledger.clock.monotonic() - started_s > MOST_S:
                self._interrupt(begun, project.id)
                return report
        return report

    def _apply(self, project: Project, scopes: Scopes, report: RetentionReport) -> None:
        if not scopes.all:
            return
        # one project's trouble must not keep the others waiting; it is reported and met again
        try:
            self.run.run(project, scopes, report)
        except HoldfastError as error:
            report.problems.append(f"retention of {project.id}: {error.code}: {error.message}")

    def _claimed(self) -> RetentionRound | None:
        """Return the round that is due, its successor already written; None when none is."""
        now = self.ledger.clock.now()
        try:
            known = self.ledger.catalog.get(RetentionRound, ROUND_ID)
        except NotFound:
            known = RetentionRound(id=ROUND_ID, due_at=now)
        # a round further off than the longest wait was planned by a clock that was wrong
        if now < known.due_at <= now + EVERY:
            return None
        following = RetentionRound(id=ROUND_ID, due_at=now + EVERY, revision=known.revision)
        try:
            self.ledger.catalog.commit(
                [Replace(following) if known.revision else Insert(following)]
            )
        except Conflict:
            return None  # another sweeper has it
        return known

    def _interrupt(self, begun: RetentionRound, before_id: str) -> None:
        """Leave the rest of the projects to the next sweep."""
        rest = RetentionRound(
            id=ROUND_ID,
            due_at=self.ledger.clock.now(),
            before_id=before_id,
            revision=begun.revision + 1,
        )
        self.ledger.catalog.commit([Replace(rest)])
