"""Look at the backups of a project as retention sees them: two passes, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.project import Project
from chalicelib.domain.retention_facts import Situation, Verdict
from chalicelib.domain.retention_plan import Survey, Surveyor, final_judge, thawed_or_kept
from chalicelib.domain.retention_state import RetentionState
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention_scopes import Scope, Scopes, backups_of, obstacles


@dataclass(frozen=True)
class Look:
    """Hold what a first pass found of one scope."""

    scope: Scope
    situation: Situation
    survey: Survey


@dataclass(frozen=True)
class Looking:
    """Read a project's backups for retention, and write nothing."""

    ledger: Ledger

    def first(self, project: Project, scopes: Scopes, state: RetentionState) -> dict[str, Look]:
        """Survey every scope of the project in one pass; by the id of the scope."""
        situations = {scope.id: self._situation(scope, state) for scope in scopes.all}
        surveyors = {scope.id: Surveyor(scope.policy, situations[scope.id]) for scope in scopes.all}
        for backup in backups_of(self.ledger.catalog, project.id):
            scope = scopes.of(backup)
            if scope is not None:
                surveyors[scope.id].take(backup.facts)
        return {
            scope.id: Look(scope, situations[scope.id], surveyors[scope.id].survey())
            for scope in scopes.all
        }

    def second(
        self, project: Project, scopes: Scopes, looks: dict[str, Look]
    ) -> Iterator[tuple[Look, Verdict]]:
        """Judge every backup under a policy, newest first."""
        judges = {
            look.scope.id: final_judge(look.scope.policy, look.situation, look.survey)
            for look in looks.values()
        }
        for backup in backups_of(self.ledger.catalog, project.id):
            scope = scopes.of(backup)
            if scope is not None:
                look = looks[scope.id]
                yield look, thawed_or_kept(judges[scope.id].judge(backup.facts), look.survey)

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
