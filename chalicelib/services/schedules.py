"""Schedules as people ask for them: create, look, change, delete, run now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from chalicelib.domain import due
from chalicelib.domain.backup import Backup, BackupOptions, plan_format
from chalicelib.domain.components import chosen
from chalicelib.domain.errors import Conflict
from chalicelib.domain.record import Insert, Page, Query, Remove, Replace, Write
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import (
    ExpectedRun,
    Overlap,
    ProjectTag,
    RunState,
    Schedule,
    expected_run,
    lane_of,
    run_id,
)
from chalicelib.domain.timetable import timetable_of
from chalicelib.services.backups import Backups, NewBackup
from chalicelib.services.calendar import Calendar
from chalicelib.services.changes import replacing
from chalicelib.services.ledger import Ledger
from chalicelib.services.schedule_entries import ScheduleEntries


@dataclass(frozen=True)
class NewSchedule:
    """Say what to run and when: for one project, or for all that carry a tag."""

    name: str
    cron: str
    project_id: str | None = None
    project_tag: ProjectTag | None = None
    timezone: str = "UTC"
    jitter_s: int = 0
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    options: BackupOptions = BackupOptions()  # noqa: RUF009 - a frozen value
    tags: dict[str, str] | None = None
    retention: RetentionPolicy | None = None


@dataclass(frozen=True)
class ScheduleChanges:
    """Say what to change; None leaves a field as it is. `options` is replaced as a whole.

    `cleared` may name `retention`: the schedule's own rules go, and its project's hold again.
    """

    name: str | None = None
    cron: str | None = None
    timezone: str | None = None
    jitter_s: int | None = None
    enabled: bool | None = None
    overlap: Overlap | None = None
    options: BackupOptions | None = None
    tags: dict[str, str] | None = None
    retention: RetentionPolicy | None = None
    cleared: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Schedules:
    """Keep schedules, each with its next run in the calendar."""

    ledger: Ledger
    backups: Backups
    entries: ScheduleEntries

    def create(self, actor: str, new: NewSchedule) -> Schedule:
        """Store a schedule and expect its first run.

        The entry of a scheduler outside is written first: one that nobody knows of does nothing
        and is swept away, while a schedule without one would start late.
        """
        now = self.ledger.clock.now()
        values = {item.name: getattr(new, item.name) for item in fields(new)}
        schedule = Schedule(
            id=self.ledger.ids.new(),
            created_at=now,
            updated_at=now,
            **{**values, "tags": new.tags or {}},
        )
        self._require_possible(schedule)
        schedule = self._calendar.planned(schedule, now)
        self.entries.follow(schedule)
        event = self._event(actor, schedule, "schedule.created")
        self.ledger.catalog.commit([Insert(schedule), *_expected(schedule), event])
        return schedule.model_copy(update={"revision": 1})

    def _require_possible(self, schedule: Schedule) -> None:
        # also while it is disabled: what cannot be is refused now, not when it is enabled
        _ = schedule.timetable
        # a tag may lead to projects of any kind: each of its runs is judged when it begins
        plan_format(schedule.options)
        project = self._calendar.project(schedule.project_id) if schedule.project_id else None
        if project is not None:
            _ = chosen(schedule.options, project)

    def get(self, schedule_id: str) -> Schedule:
        """Return a schedule; NotFound when there is none."""
        return self.ledger.catalog.get(Schedule, schedule_id)

    def find(self, query: Query[Schedule]) -> Page[Schedule]:
        """Return one page of schedules, newest first."""
        return self.ledger.catalog.find(query)

    def update(self, actor: str, schedule_id: str, changes: ScheduleChanges) -> Schedule:
        """Change a schedule; its next run is planned anew, from now on."""
        values = {name: value for name, value in vars(changes).items() if name != "cleared"}
        update = replacing(values, changes.cleared)

        def decide(schedule: Schedule) -> tuple[Write, ...]:
            now = self.ledger.clock.now()
            changed = schedule.model_copy(update={**update, "updated_at": now})
            if changed.enabled:
                changed = changed.model_copy(update={"disabled_because": None})
            self._require_possible(changed)
            told = self.ledger.change(
                actor,
                "schedule.updated",
                (schedule, changed),
                changed.project_id or "",
                name=changed.name,
            )
            return (*self._moved(schedule, changed, now), told)

        changed = self.ledger.apply(Schedule, schedule_id, decide)
        self.entries.follow(changed)
        return changed

    def delete(self, actor: str, schedule_id: str) -> None:
        """Delete a schedule and its next run; its backups stay."""

        def decide(schedule: Schedule) -> tuple[Write, ...]:
            event = self._event(actor, schedule, "schedule.deleted")
            return (Remove(schedule), *self._calendar.without_next(schedule), event)

        self.ledger.apply(Schedule, schedule_id, decide)
        # last: an alarm without a schedule does nothing and is swept away
        self.entries.forget(schedule_id)

    def run_now(
        self, actor: str, schedule: Schedule, idempotency_key: str | None = None
    ) -> tuple[Backup, ...]:
        """Request the backups that a run of the schedule makes; when it runs next stays as it is.

        The run counts as one that the next ones must not overlap. Idempotent by key.
        """
        projects = list(self._calendar.projects(schedule))
        if not projects:
            raise Conflict(
                "there is no project to back up",
                hint="The project was deleted, or none carries the tag of the schedule.",
            )
        made = []
        for project in projects:
            key = idempotency_key and f"{schedule.id}/{project.id}/{idempotency_key}"
            new = NewBackup(
                project_id=project.id,
                options=schedule.options,
                tags=schedule.tags,
                idempotency_key=key,
                schedule_id=schedule.id,
            )
            backup = self.backups.request(actor, new)
            self._remember(schedule, backup)
            made.append(backup)
        return tuple(made)

    def settled_runs(self, schedule_id: str, count: int) -> tuple[ExpectedRun, ...]:
        """Return what became of the latest runs of a schedule, newest first."""
        query = Query(
            ExpectedRun,
            index=("schedule_id", schedule_id),
            limit=count,
            keep=lambda run: run.state is not RunState.EXPECTED,
        )
        return self.ledger.catalog.find(query).items

    def preview(self, cron: str, timezone: str, count: int) -> tuple[datetime, ...]:
        """Return the next instants of a cron expression or preset in a time zone."""
        return timetable_of(cron, timezone).upcoming(self.ledger.clock.now(), count)

    @property
    def _calendar(self) -> Calendar:
        return Calendar(self.ledger.catalog)

    def _moved(self, schedule: Schedule, changed: Schedule, now: datetime) -> tuple[Write, ...]:
        """Return the writes of a changed schedule; its run ahead moves where the time does."""
        planned = self._calendar.planned(changed, due.floor_of(schedule, now))
        if schedule.next is not None and schedule.next.due_at <= now and planned.enabled:
            # It is due just now: whoever starts it goes by the changed schedule, and plans on.
            return (Replace(changed),)
        if planned.next == schedule.next:
            return (Replace(planned),)
        return (Replace(planned), *self._calendar.without_next(schedule), *_expected(planned))

    def _remember(self, schedule: Schedule, backup: Backup) -> None:
        run = ExpectedRun(
            id=f"{run_id(backup.created_at, schedule.id, backup.project_id)}-{backup.id}",
            schedule_id=schedule.id,
            project_id=backup.project_id,
            lane=lane_of(schedule.id, backup.project_id),
            expected_at=backup.created_at,
            due_at=backup.created_at,
            state=RunState.STARTED,
            settled_at=backup.created_at,
            backup_id=backup.id,
            reason=f"asked for by {backup.requested_by}",
        )
        try:
            self.ledger.catalog.commit([Insert(run)])
        except Conflict:
            # the same request, repeated: its run is on record
            return

    def _event(self, actor: str, schedule: Schedule, action: str, **details: str) -> Insert:
        project_id = schedule.project_id or ""
        return self.ledger.event(
            actor, action, schedule.id, project_id, name=schedule.name, **details
        )


def _expected(schedule: Schedule) -> tuple[Write, ...]:
    return (Insert(expected_run(schedule, schedule.next)),) if schedule.next else ()
