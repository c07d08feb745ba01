"""Retention as people meet it: what it would do, and their word that things are right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.retention import state as state_moves
from chalicelib.domain.retention.facts import Verdict
from chalicelib.domain.retention.outlines import ScheduleOutline
from chalicelib.domain.retention.plan import Survey, thawed_or_kept
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.retention.state import ScopeState
from chalicelib.services.ledger import Ledger
from chalicelib.services.retention.book import RetentionBook
from chalicelib.services.retention.look import Looking
from chalicelib.services.retention.scopes import (
    Scope,
    Scopes,
    schedules_with_policy,
    scopes_of,
    zone_of,
)


@dataclass(frozen=True)
class Asked:
    """Say what a preview is for: a project, or one schedule of it; under its policy or another."""

    project: Project
    schedule_id: str | None = None
    policy: RetentionPolicy | None = None


@dataclass(frozen=True)
class Preview:
    """Hold what retention would do now; `verdicts` are one page of them, newest first.

    Counts and bytes are over all backups of the scope.
    """

    policy: RetentionPolicy
    timezone: str
    survey: Survey
    known: ScopeState
    kept: int
    removed: int
    kept_bytes: int
    removed_bytes: int
    verdicts: tuple[Verdict, ...]
    next_before_id: str | None


@dataclass(frozen=True)
class Retention:
    """Show what policies would do, and hear that things are right."""

    ledger: Ledger

    def preview(self, asked: Asked, *, limit: int, before_id: str | None) -> Preview:
        """Return what retention would do now, and do nothing."""
        looking, project = Looking(self.ledger), asked.project
        scopes, scope = self._scopes(asked)
        state = RetentionBook(self.ledger).read(project.id)
        looks, tally = looking.look(
            project, scopes, state, lambda: _Tally(scope.id, limit, before_id)
        )
        found = looks[scope.id].survey
        if found.frozen:
            tally.freeze()
        return Preview(
            policy=scope.policy,
            timezone=str(scope.timezone),
            survey=found,
            known=state.scope(scope.id),
            kept=tally.counts[True],
            removed=tally.counts[False],
            kept_bytes=tally.bytes[True],
            removed_bytes=tally.bytes[False],
            verdicts=tuple(thawed_or_kept(verdict, found) for verdict in tally.page),
            next_before_id=tally.next_before_id,
        )

    def accept(self, actor: str, project: Project, schedule_id: str | None = None) -> ScopeState:
        """Keep that a person looked at a scope and found it right; the next round goes on then."""
        _, scope = self._scopes(Asked(project, schedule_id))
        stamp = self.ledger.stamp(actor)
        state = RetentionBook(self.ledger).change(
            project.id, lambda found: state_moves.accepted(found, scope.id, stamp)
        )
        return state.scope(scope.id)

    def project_of(self, schedule_id: str) -> str | None:
        """Return whose backups a schedule makes; None when it is for many projects."""
        return self.ledger.catalog.get(ScheduleOutline, schedule_id).project_id

    def _scopes(self, asked: Asked) -> tuple[Scopes, Scope]:
        """Return the scopes of the project with the one that was asked for among them."""
        project, catalog = asked.project, self.ledger.catalog
        scopes = scopes_of(project, schedules_with_policy(catalog))
        if asked.schedule_id is None:
            own = scopes.project
            if asked.policy is not None:
                own = Scope(project.id, asked.policy, zone_of(asked.policy, "UTC"))
            return Scopes(_named(own), scopes.scheduled), _named(own)
        scope = self._scheduled(asked, asked.schedule_id)
        return Scopes(scopes.project, {**scopes.scheduled, scope.id: scope}), scope

    def _scheduled(self, asked: Asked, schedule_id: str) -> Scope:
        schedule = self.ledger.catalog.get(ScheduleOutline, schedule_id)
        if not schedule.is_for(asked.project.id, asked.project.tags):
            raise NotFound(f"the project has no schedule {schedule_id}")
        policy = asked.policy or schedule.retention
        if policy is None:
            return _named(None)
        return Scope(schedule.id, policy, zone_of(policy, schedule.timezone))


class _Tally:
    """Count all verdicts of a scope and keep one page of them."""

    def __init__(self, scope_id: str, limit: int, before_id: str | None) -> None:
        self.scope_id, self.limit, self.before_id = scope_id, limit, before_id
        self.page: list[Verdict] = []
        self.next_before_id: str | None = None
        self.counts: Counter[bool] = Counter()
        self.bytes: Counter[bool] = Counter()

    def take(self, scope_id: str, verdict: Verdict) -> None:
        if scope_id != self.scope_id:
            return
        self.counts[verdict.keep] += 1
        self.bytes[verdict.keep] += verdict.facts.stored_bytes
        if self.before_id is not None and verdict.facts.id >= self.before_id:
            return
        if len(self.page) < self.limit:
            self.page.append(verdict)
        else:
            # one more than fits, so there is a next page
            self.next_before_id = self.page[-1].facts.id

    def freeze(self) -> None:
        """Count everything as kept."""
        for tallied in (self.counts, self.bytes):
            tallied[True] += tallied.pop(False, 0)


def _named(scope: Scope | None) -> Scope:
    if scope is None:
        raise InvalidRequest(
            "there is no retention policy to apply",
            hint="Give a policy with the request, or set one on the project or schedule.",
            field="policy",
        )
    return scope
