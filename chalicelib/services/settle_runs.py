"""Decide what becomes of a run that is due, and say it as the writes of one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain import due, moves
from chalicelib.domain.backup import Backup, Trigger
from chalicelib.domain.errors import Conflict, ErrorInfo, NotFound, RequestError
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query, Replace, Write
from chalicelib.domain.schedule import ExpectedRun, Overlap, RunState, Schedule, run_of_project
from chalicelib.services.backups import Backups, NewBackup
from chalicelib.services.calendar import Calendar
from chalicelib.services.ledger import Ledger

ACTOR: Final = "schedule"


@dataclass(frozen=True)
class Had:
    """Say what became of the one run that was to be had: a backup, or a reason."""

    run: ExpectedRun
    backup: Backup | None = None
    writes: tuple[Write, ...] = ()
    refusal: ErrorInfo | None = None


@dataclass(frozen=True)
class Settlement:
    """Say what settles a run: all its writes, and what follows once they are made.

    `due` is the run that was due, `run` the one that was had: a later one, where some were missed.
    `children` are the runs of single projects that a run of a tag became.
    """

    due: str
    run: ExpectedRun
    writes: Sequence[Write]
    backup: Backup | None = None
    schedule: Schedule | None = None
    missed: int = 0
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSettler:
    """Decide over runs; `grace` is how late a run may be that still counts as in time."""

    ledger: Ledger
    backups: Backups
    grace: timedelta

    def decided(self, run: ExpectedRun) -> Settlement | None:
        """Return what settles a run; None where it is settled, or must wait on.

        Runs of single projects that a run of a tag becomes are written at once: theirs is a commit
        each, and whoever comes after a crash takes those that are there.
        """
        if run.state not in {RunState.QUEUED, RunState.EXPECTED}:
            return None
        try:
            schedule = self.ledger.catalog.get(Schedule, run.schedule_id)
        except NotFound:
            return self._dropped(run, "the schedule was deleted")
        if run.state is RunState.QUEUED:
            # before the schedule's next run is looked at: that moved on when this one was queued
            return self._of_project(schedule, run) if self._is_free(run) else None
        if schedule.project_id is None and run.project_id is not None:
            return self._of_project(schedule, run)
        if schedule.next is None or schedule.next.run_id != run.id:
            return self._dropped(run, "the schedule was changed")
        return self._of_schedule(schedule, run)

    def _of_schedule(self, schedule: Schedule, run: ExpectedRun) -> Settlement:
        # Who is called before the time was called by a clock that is ahead, and it is believed.
        now = max(self.ledger.clock.now(), run.due_at)
        verdict = due.judged(schedule, run, now, self.grace)
        wanted = due.to_be_had(schedule, run, verdict)
        children: tuple[str, ...] = ()
        if schedule.project_id is None:
            children = self._expect_each(schedule, wanted)
            had = _spread(wanted, len(children), now)
        else:
            project = self._calendar.project(schedule.project_id)
            if project is None:
                return self._disabled(schedule, run)
            had = self._had(schedule, wanted, project)
        following = self._calendar.planned(schedule, wanted.expected_at)
        after, writes = due.advanced(following, run, had.run, verdict.lost)
        told = due.missed(schedule, had.run, self.ledger.stamp(ACTOR), verdict.lost, had.refusal)
        return Settlement(
            run.id,
            had.run,
            [*writes, *had.writes, *told],
            backup=had.backup,
            schedule=after,
            missed=verdict.lost.count,
            children=children,
        )

    def _of_project(self, schedule: Schedule, run: ExpectedRun) -> Settlement:
        """Settle a run that is its project's own business: of a tag, or one that waited."""
        project = self._calendar.project(run.project_id or "")
        if not schedule.enabled:
            return self._dropped(run, "the schedule was disabled")
        if project is None:
            return self._dropped(run, "the project was deleted")
        waited = run.state is RunState.QUEUED
        had = self._begun(schedule, run, project) if waited else self._had(schedule, run, project)
        told = due.missed(
            schedule, had.run, self.ledger.stamp(ACTOR), due.NOTHING_LOST, had.refusal
        )
        return Settlement(
            run.id, had.run, [Replace(had.run), *had.writes, *told], backup=had.backup
        )

    def _had(self, schedule: Schedule, run: ExpectedRun, project: Project) -> Had:
        in_front = self._in_front(run)
        if in_front is None:
            return self._begun(schedule, run, project)
        now = self.ledger.clock.now()
        # one waits at most: a queue that grows faster than it is worked off would never end
        if schedule.overlap is Overlap.QUEUE and in_front.state is RunState.STARTED:
            queued = due.settled(run, RunState.QUEUED, now, waits_for=in_front.backup_id)
            return Had(queued)
        reason = "the run before it goes on" if in_front.backup_id else "another run waits already"
        skipped = due.settled(run, RunState.SKIPPED, now, reason=reason)
        details = {"expected_at": run.expected_at.isoformat(), "reason": reason}
        event = self.ledger.event(ACTOR, "schedule.skipped", schedule.id, project.id, **details)
        return Had(skipped, writes=(event,))

    def _begun(self, schedule: Schedule, run: ExpectedRun, project: Project) -> Had:
        new = new_backup(schedule, project, run)
        stamp = self.ledger.stamp(ACTOR)
        try:
            backup = self.backups.drafted(ACTOR, new, project)
        except RequestError as error:
            missed = due.settled(run, RunState.MISSED, stamp.now, reason=error.message)
            return Had(missed, refusal=error.info)
        begun = due.settled(run, RunState.STARTED, stamp.now, backup_id=backup.id)
        return Had(begun, backup, moves.requested(backup, stamp))

    def _in_front(self, run: ExpectedRun) -> ExpectedRun | None:
        """Return the run of the same lane that is not over yet; None where the way is free."""
        busy = {RunState.STARTED, RunState.QUEUED}
        query = Query(
            ExpectedRun,
            index=("lane", run.lane or ""),
            limit=1,
            keep=lambda other: other.state in busy,
        )
        for other in self.ledger.catalog.find(query).items:
            if other.state is RunState.QUEUED or not self._is_over(other.backup_id):
                return other
        return None

    def _is_free(self, run: ExpectedRun) -> bool:
        return self._is_over(run.waits_for)

    def _is_over(self, backup_id: str | None) -> bool:
        try:
            return backup_id is None or self.backups.get(backup_id).status.is_terminal
        except NotFound:
            return True

    def _expect_each(self, schedule: Schedule, run: ExpectedRun) -> tuple[str, ...]:
        """Expect a run for each project with the tag; those a crash left are taken as they are."""
        children = [
            run_of_project(run, project.id) for project in self._calendar.projects(schedule)
        ]
        for child in children:
            try:
                self.ledger.catalog.commit([Insert(child)])
            except Conflict:
                continue
        return tuple(child.id for child in children)

    @property
    def _calendar(self) -> Calendar:
        return Calendar(self.ledger.catalog)

    def _disabled(self, schedule: Schedule, run: ExpectedRun) -> Settlement:
        why = NotFound("its project was deleted", hint="Delete the schedule, or make a new one.")
        stamp = self.ledger.stamp(ACTOR)
        after, dropped, writes = due.disabled(schedule, run, stamp, why)
        return Settlement(run.id, dropped, writes, schedule=after)

    def _dropped(self, run: ExpectedRun, reason: str) -> Settlement:
        now = self.ledger.clock.now()
        dropped = due.settled(run, RunState.DROPPED, now, reason=reason)
        return Settlement(run.id, dropped, [Replace(dropped)])


def new_backup(schedule: Schedule, project: Project, run: ExpectedRun) -> NewBackup:
    """Return the request that a run of a schedule makes for a project."""
    return NewBackup(
        project_id=project.id,
        options=schedule.options,
        trigger=Trigger.SCHEDULED,
        tags=schedule.tags,
        schedule_id=schedule.id,
        expected_at=run.expected_at,
    )


def _spread(run: ExpectedRun, count: int, now: datetime) -> Had:
    if count:
        return Had(due.settled(run, RunState.SPREAD, now, reason=f"{count} projects"))
    nobody = NotFound("no project carries its tag", hint="Give the tag to a project.")
    missed = due.settled(run, RunState.MISSED, now, reason=nobody.message)
    return Had(missed, refusal=nobody.info)
