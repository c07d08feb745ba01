"""Live through the weeks that the demo shows: real backups of real rows, at moved times.

Nothing is written that the service itself would not write: schedules come due, workers' code runs,
servers are really stopped where a backup fails, and the clock really leaps where one was missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chalicelib.adapters.embedded.workflow import Execution, SqliteWorkflow
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Asked, Backup, BackupOptions, BackupType, Status, Trigger
from chalicelib.domain.execution import Work
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.restore import RestoreOptions
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import Schedule
from chalicelib.local.demo_databases import SHOP, STAGING, DemoDatabases
from chalicelib.local.moved_clock import MovedClock
from chalicelib.services.backups import BackupChanges, BackupFilter, NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from chalicelib.services.schedules import NewSchedule

ACTOR: Final = "demo"
OWNER: Final = "demo worker"
TAGS: Final = {"demo": "yes"}
TOLD: Final = "made by holdfast up --demo"
BATCH: Final = 20
SHOP_RULES: Final = RetentionPolicy(keep_last=7, daily=21, weekly=8, monthly=12)


@dataclass(frozen=True)
class Happening:
    """Say what happens when, besides what schedules do."""

    at: datetime
    do: Callable[[], object]


@dataclass(frozen=True)
class DemoProjects:
    """Hold the projects of the demo."""

    shop: Project
    billing: Project
    staging: Project


@dataclass
class DemoLife:
    """Live from `since` until `until`; `check` may raise to stop."""

    services: Services
    clock: MovedClock
    workflow: SqliteWorkflow
    databases: DemoDatabases
    since: datetime
    until: datetime
    check: Callable[[], None]

    def live(self) -> None:
        """Live through it all."""
        projects = self._settle_in()
        happenings = self._lying_ahead(projects)
        while True:
            self.check()
            upcoming = happenings[0].at if happenings else self.until
            at = min(self._next_due(), upcoming, self.until)
            self.clock.move_to(at)
            if at >= self.until:
                break
            if happenings and at == upcoming:
                happenings.popleft().do()
            else:
                self.databases.grow()
                self.services.due_runs.start_due()
            self._work_off()
        self.services.sweeper.sweep(starting=False)
        self._work_off()

    def _settle_in(self) -> DemoProjects:
        projects = DemoProjects(
            shop=self._project("Shop", SHOP, SHOP_RULES),
            billing=self._project("Billing", "billing", RetentionPolicy(daily=14, weekly=4)),
            staging=self._project("Shop, staging", STAGING, None),
        )
        zone = "Europe/Berlin"
        proven = BackupOptions(verification=Asked.PROOF)
        for new in (
            NewSchedule("Shop, every night", "30 2 * * *", projects.shop.id, timezone=zone),
            NewSchedule(
                "Shop, proven on Sundays",
                "0 4 * * 0",
                projects.shop.id,
                timezone=zone,
                options=proven,
            ),
            NewSchedule("Billing, every morning", "15 5 * * *", projects.billing.id),
        ):
            self.services.schedules.create(ACTOR, new)
        return projects

    def _project(self, name: str, database: str, rules: RetentionPolicy | None) -> Project:
        connection = self.databases.connection(database)
        new = NewProject(name, connection, dict(TAGS), retention=rules)
        return self.services.projects.create(ACTOR, new)

    def _lying_ahead(self, projects: DemoProjects) -> deque[Happening]:
        found = (one for one in self._happenings(projects) if one.at > self.since)
        return deque(sorted(found, key=lambda one: one.at))

    def _happenings(self, projects: DemoProjects) -> Iterator[Happening]:
        yield self._days_ago(34.9, lambda: self._backup(projects.shop, "first", Asked.PROOF))
        yield self._days_ago(21.2, lambda: self._lock_latest(projects.shop))
        # the machine is off for two nights: what was due is missed, and made up for once
        yield self._days_ago(17.5, lambda: self.clock.move_to(self._before(15.6)))
        yield self._days_ago(12.4, lambda: self._before_migration(projects.shop))
        # the database is down for one night
        yield self._days_ago(9.6, self.databases.go_down)
        yield self._days_ago(8.6, self.databases.come_back)
        yield self._days_ago(5.3, lambda: self._schema_only(projects.shop))
        yield self._days_ago(3.4, lambda: self._restore(projects))
        yield self._days_ago(
            3.3, lambda: self._backup(projects.staging, "as restored", Asked.PROOF)
        )

    def _days_ago(self, days: float, do: Callable[[], object]) -> Happening:
        return Happening(self._before(days), do)

    def _before(self, days: float) -> datetime:
        return self.until - timedelta(days=days)

    def _next_due(self) -> datetime:
        schedules = self.services.schedules.find(Query(Schedule)).items
        return min((one.next.due_at for one in schedules if one.next), default=self.until)

    def _work_off(self) -> None:
        while taken := self.workflow.take(BATCH):
            for execution in taken:
                self._run(execution)
                self.workflow.ended(execution)

    def _run(self, execution: Execution) -> None:
        work_id = execution.work_id
        match execution.work:
            case Work.BACKUP:
                self.services.backup_runner(OWNER).run(work_id)
            case Work.RESTORE:
                self.services.restore_runner(OWNER).run(work_id)
            case Work.JOB:
                self.services.job_runner(OWNER).run(work_id)
            case Work.NOTICES:
                self.services.notice_runner().run(work_id)

    def _backup(self, project: Project, name: str, verification: Asked) -> None:
        options = BackupOptions(verification=verification)
        new = NewBackup(project.id, options, name, TOLD, tags=dict(TAGS))
        self.services.backups.request(ACTOR, new)

    def _schema_only(self, project: Project) -> None:
        options = BackupOptions(type=BackupType.SCHEMA)
        new = NewBackup(project.id, options, "definitions only", TOLD, tags=dict(TAGS))
        self.services.backups.request(ACTOR, new)

    def _before_migration(self, project: Project) -> None:
        new = NewBackup(
            project.id,
            BackupOptions(verification=Asked.PROOF),
            "before migration 0042",
            TOLD,
            Trigger.PRE_MIGRATION,
            dict(TAGS),
            migration_id="0042",
            hold_days=30,
        )
        self.services.backups.request(ACTOR, new)

    def _lock_latest(self, project: Project) -> None:
        changes = BackupChanges(locked=True, description="kept for the books")
        self.services.backups.update(ACTOR, self._latest(project).id, changes)

    def _restore(self, projects: DemoProjects) -> None:
        backup = self._latest(projects.shop)
        new = NewRestore(backup.id, projects.staging.id, RestoreOptions())
        self.services.restores.request(ACTOR, new)

    def _latest(self, project: Project) -> Backup:
        wanted = BackupFilter(project_id=project.id, status=Status.COMPLETED, type=BackupType.FULL)
        return self.services.backups.find(wanted, limit=1, before_id=None).items[0]
