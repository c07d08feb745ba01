"""Look at the backups of a project as retention sees them, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chalicelib.domain.project import Project
from chalicelib.domain.retention.facts import Situation, Verdict
from chalicelib.domain.retention.plan import Survey, Surveyor, final_judge
from chalicelib.domain.retention.state import RetentionState
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention.scopes import Scope, Scopes, backups_of, obstacles


@dataclass(frozen=True)
class Look:
    """Hold what a first pass found of one scope."""

    scope: Scope
    situation: Situation
    survey: Survey


class Collects(Protocol):
    """Keep of the verdicts of a pass what is of interest; freezes are known only afterwards."""

    def take(self, scope_id: str, verdict: Verdict) -> None:
        """Take the next verdict, newest first."""
        ...


C = TypeVar("C", bound=Collects)


@dataclass(frozen=True)
class Looking:
    """Read a project's backups for retention, and write nothing."""

    ledger: Ledger

    def look(
        self, project: Project, scopes: Scopes, state: RetentionState, collecting: Callable[[], C]
    ) -> tuple[dict[str, Look], C]:
        """Judge every backup; return what was found of each scope, by its id, and the collection.

        One pass does unless a budget is exceeded: what it takes depends on the size of the rest.
        """
        collected = collecting()
        looks = self._first(project, scopes, state, collected)
        if any(look.survey.over_budget for look in looks.values()):
            collected = collecting()
            self._second(project, scopes, looks, collected)
        return looks, collected

    def _first(
        self, project: Project, scopes: Scopes, state: RetentionState, collected: Collects
    ) -> dict[str, Look]:
        situations = {scope.id: self._situation(scope, state) for scope in scopes.all}
        surveyors = {scope.id: Surveyor(scope.policy, situations[scope.id]) for scope in scopes.all}
        for backup in backups_of(self.ledger.catalog, project.id):
            scope = scopes.of(backup)
            if scope is not None:
                collected.take(scope.id, surveyors[scope.id].take(backup.facts))
        return {
            scope.id: Look(scope, situations[scope.id], surveyors[scope.id].survey())
            for scope in scopes.all
        }

    def _second(
        self, project: Project, scopes: Scopes, looks: dict[str, Look], collected: Collects
    ) -> None:
        judges = {
            look.scope.id: final_judge(look.scope.policy, look.situation, look.survey)
            for look in looks.values()
        }
        for backup in backups_of(self.ledger.catalog, project.id):
            scope = scopes.of(backup)
            if scope is not None:
                collected.take(scope.id, judges[scope.id].judge(backup.facts))

    def _situation(self, scope: Scope, state: RetentionState) -> Situation:
        known, found = state.scope(scope.id), obstacles(self.ledger.catalog)
        return Situation(
            now=self.ledger.clock.now(),
            timezone=scope.timezone,
            parents=found.parents,
            in_use=found.in_use,
            applied_at=known.applied_under(scope.policy),
            accepted_at=known.accepted_at,
        )
