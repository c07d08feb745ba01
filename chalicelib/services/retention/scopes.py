"""Which backups are under which policy, and what stands in the way of removing them.

A scope is all backups of a project that one policy speaks of. A schedule with a policy of its own
is a scope; everything else of a project is another, under the project's policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from chalicelib.domain.backup import Chore, Status
from chalicelib.domain.job import Job
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Record
from chalicelib.domain.restore import Restore
from chalicelib.domain.retention.outlines import BackupOutline, ScheduleOutline
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.ports import Catalog

R = TypeVar("R", bound=Record)

PAGE: Final = 500
UNDER_WAY: Final = (Status.PENDING, Status.IN_PROGRESS)


@dataclass(frozen=True)
class Scope:
    """Name a policy that holds for some backups of a project; `id` is a project's or schedule's."""

    id: str
    policy: RetentionPolicy
    timezone: tzinfo


@dataclass(frozen=True)
class Scopes:
    """Hold the scopes of one project; `scheduled` are those of its schedules, by id."""

    project: Scope | None
    scheduled: dict[str, Scope]

    def of(self, backup: BackupOutline) -> Scope | None:
        """Return the scope of a backup: its schedule's policy wins over the project's."""
        return self.scheduled.get(backup.schedule_id or "", self.project)

    @property
    def all(self) -> tuple[Scope, ...]:
        """Every scope there is."""
        own = () if self.project is None else (self.project,)
        return (*own, *self.scheduled.values())


@dataclass(frozen=True)
class Obstacles:
    """Hold what others work with: parents of backups under way, backups that are being read."""

    parents: frozenset[str]
    in_use: frozenset[str]


def scopes_of(project: Project, schedules: tuple[ScheduleOutline, ...]) -> Scopes:
    """Return the scopes of a project, given all schedules that have a policy."""
    own = project.retention
    return Scopes(
        None if own is None else Scope(project.id, own, zone_of(own, "UTC")),
        {
            one.id: Scope(one.id, one.retention, zone_of(one.retention, one.timezone))
            for one in schedules
            if one.retention is not None and one.is_for(project.id, project.tags)
        },
    )


def zone_of(policy: RetentionPolicy, otherwise: str) -> tzinfo:
    """Return the zone that cuts hours and days under a policy."""
    return ZoneInfo(policy.timezone or otherwise)


def schedules_with_policy(catalog: Catalog) -> tuple[ScheduleOutline, ...]:
    """Return every schedule that has a policy of its own."""
    return tuple(one for one in pages(catalog, Query(ScheduleOutline)) if one.retention)


def backups_of(catalog: Catalog, project_id: str) -> Iterator[BackupOutline]:
    """Yield a project's backups, newest first, page by page; what is being deleted is gone."""
    wanted = Query(BackupOutline, index=("project_id", project_id))
    return (one for one in pages(catalog, wanted) if one.chore is not Chore.DELETE)


def obstacles(catalog: Catalog) -> Obstacles:
    """Return what others work with now, wherever it lies."""
    parents: set[str] = set()
    in_use: set[str] = set()
    for status in UNDER_WAY:
        index = ("status", status.value)
        running = pages(catalog, Query(BackupOutline, index=index))
        parents |= {one.parent_id for one in running if one.parent_id is not None}
        in_use |= {one.backup_id for one in pages(catalog, Query(Restore, index=index))}
        jobs = pages(catalog, Query(Job, index=index))
        in_use |= {one.arguments.backup_id for one in jobs if one.arguments.backup_id is not None}
    return Obstacles(frozenset(parents), frozenset(in_use))


def pages(catalog: Catalog, query: Query[R]) -> Iterator[R]:
    """Yield all records of a list, holding one page of them at a time."""
    before: str | None = query.before_id
    while True:
        page = catalog.find(Query(query.kind, index=query.index, before_id=before, limit=PAGE))
        yield from page.items
        before = page.next_before_id
        if before is None:
            return
