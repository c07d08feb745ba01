"""Schedules for tests: a world whose clock is turned, and a scheduler that only remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.bootstrap.services import Services
from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import NotFound, StorageFailed
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule
from chalicelib.ports import ScheduleEntry
from chalicelib.services.backups import BackupFilter
from chalicelib.services.due_runs import DueReport
from chalicelib.services.projects import NewProject
from chalicelib.services.schedules import NewSchedule
from tests.support.world import TurnedClock, World, build_world

NOON_HOURLY = "0 * * * *"


class RememberedEntries:
    """A scheduler that fires nothing; it fails while `broken`."""

    def __init__(self) -> None:
        self.entries: dict[str, ScheduleEntry] = {}
        self.broken = False

    def put(self, entry: ScheduleEntry) -> None:
        if self.broken:
            raise StorageFailed("the scheduler does not answer")
        self.entries[entry.name] = entry

    def get(self, name: str) -> ScheduleEntry:
        if name not in self.entries:
            raise NotFound(f"there is no schedule {name}")
        return self.entries[name]

    def delete(self, name: str) -> None:
        self.entries.pop(name, None)

    def names(self) -> Iterator[str]:
        return iter(list(self.entries))


@dataclass
class Diary:
    """A world with schedules, and what came of them."""

    world: World
    scheduler: RememberedEntries
    services: Services

    @property
    def clock(self) -> TurnedClock:
        return self.world.clock

    def project(self, **tags: str) -> Project:
        connection = Connection(Endpoint(host="localhost", database="app"), "canary-4f2a")
        return self.services.projects.create("key:1", NewProject("shop", connection, tags))

    def schedule(self, project: Project | None = None, **fields: Any) -> Schedule:
        """Make a schedule that runs every hour, unless told otherwise."""
        if "project_tag" not in fields:
            fields["project_id"] = (project or self.project()).id
        new = NewSchedule(**{"name": "nightly", "cron": NOON_HOURLY, **fields})
        return self.services.schedules.create("key:1", new)

    def wait(self, **span: float) -> None:
        self.clock.turn(timedelta(**span))

    def wait_until_due(self, schedule: Schedule) -> None:
        upcoming = self.again(schedule).next
        assert upcoming is not None
        self.clock.turn(upcoming.due_at - self.clock.now())

    def start_due(self) -> DueReport:
        return self.services.due_runs.start_due()

    def again(self, schedule: Schedule) -> Schedule:
        return self.services.schedules.get(schedule.id)

    def backups(self) -> list[Backup]:
        """Return all backups, oldest first."""
        page = self.services.backups.find(BackupFilter(), limit=1000, before_id=None)
        return list(reversed(page.items))

    def instants(self) -> list[datetime]:
        """Return for which instants there are backups, oldest first."""
        return [backup.expected_at for backup in self.backups() if backup.expected_at]

    def runs(self, state: RunState | None = None) -> list[ExpectedRun]:
        """Return what the calendar holds, by the time runs are due."""
        found = self.services.ledger.catalog.find(Query(ExpectedRun, limit=1000)).items
        return [run for run in reversed(found) if state in {None, run.state}]

    def notices(self, event: str) -> list[Notice]:
        found = self.services.ledger.catalog.find(Query(Notice, limit=1000)).items
        return [notice for notice in found if notice.event == event]

    def audited(self, action: str) -> list[AuditEvent]:
        found = self.services.ledger.catalog.find(Query(AuditEvent, limit=1000)).items
        return [event for event in found if event.action == action]

    def finish(self, backup: Backup) -> None:
        """End a backup, so that the next may begin."""
        self.services.backups.cancel("key:1", backup.id)


def build_diary(folder: Path) -> Diary:
    """Open a world over a folder, with a scheduler outside."""
    world = build_world(folder)
    scheduler = RememberedEntries()
    adapters = replace(world.adapters, scheduler=scheduler)
    return Diary(world, scheduler, Services(world.services.settings, adapters))
