"""A schedule, and the calendar of its runs.

An enabled schedule has exactly one run ahead in the calendar. Settling that run and writing the
next one is one commit, and so is the backup that comes of it: whoever dies in between leaves either
a run that is still expected, or a run that was started. The id of a run begins with the second it
is due in, so that everything that is due is one range of one index.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from chalicelib.domain.backup import BackupOptions, Name, Tags, Value
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.record import Id, Moment, Record
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.timetable import Timetable, timetable_of

MAX_JITTER_S: Final = 86_400
_SECOND: Final = timedelta(seconds=1)


class Overlap(StrEnum):
    """Say what becomes of a run while the one before it still goes on."""

    SKIP = "skip"
    QUEUE = "queue"


class RunState(StrEnum):
    """Say what became of an expected run.

    `spread` is a run of many projects that became one run for each; `dropped` one that nobody
    wants any more.
    """

    EXPECTED = "expected"
    QUEUED = "queued"
    STARTED = "started"
    SPREAD = "spread"
    SKIPPED = "skipped"
    MISSED = "missed"
    DROPPED = "dropped"


class ProjectTag(Value):
    """Name all projects that carry this tag when a run is due."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    value: Annotated[str, Field(max_length=256)]


class NextRun(Value):
    """Say for which instant the next run is expected, and when it is due by its jitter."""

    run_id: Id
    expected_at: Moment
    due_at: Moment


class LastRun(Value):
    """Say what became of the last run; `backup_id` where one backup came of it."""

    run_id: Id
    expected_at: Moment
    at: Moment
    state: RunState
    reason: str = ""
    backup_id: str | None = None


class Schedule(Record):
    """Say what is backed up by itself, and when: one project, or all that carry a tag.

    `retention` None is what the project says. `disabled_because` is set where the service itself
    took the schedule out of use.
    """

    kind: ClassVar[str] = "schedule"
    indexes: ClassVar[tuple[str, ...]] = ("project_id",)

    name: Name
    project_id: Id | None = None
    project_tag: ProjectTag | None = None
    cron: str
    timezone: str = "UTC"
    jitter_s: Annotated[int, Field(ge=0, le=MAX_JITTER_S)] = 0
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    options: BackupOptions = BackupOptions()
    tags: Tags = {}
    retention: RetentionPolicy | None = None
    created_at: Moment
    updated_at: Moment
    next: NextRun | None = None
    last: LastRun | None = None
    disabled_because: ErrorInfo | None = None

    @property
    def timetable(self) -> Timetable:
        """When it runs."""
        return timetable_of(self.cron, self.timezone)

    def due_at(self, instant: datetime) -> datetime:
        """Return when the run of an instant is due: the same whoever asks, and however often.

        The jitter never takes more than half the way to the instant after, so that runs stay in
        order.
        """
        if self.jitter_s == 0:
            return instant
        way_s = (self.timetable.next(instant) - instant) // (2 * _SECOND)
        digest = hashlib.sha256(f"{self.id} {instant:%Y-%m-%dT%H:%M}".encode()).digest()
        shift_s = int.from_bytes(digest[:8]) % (min(self.jitter_s, way_s) + 1)
        return instant + shift_s * _SECOND

    def run_at(self, instant: datetime) -> NextRun:
        """Return the run of an instant."""
        due_at = self.due_at(instant)
        return NextRun(run_id=run_id(due_at, self.id), expected_at=instant, due_at=due_at)

    def planned(self, after: datetime) -> Schedule:
        """Return the schedule with its first run behind a moment; none while it is disabled."""
        following = self.run_at(self.timetable.next(after)) if self.enabled else None
        return self.model_copy(update={"next": following})


class ExpectedRun(Record):
    """A run that the calendar expects, and what became of it.

    `project_id` is None for the run of all projects with a tag. `lane` joins the runs that must
    not overlap. `waits_for` is the backup in front of a queued run. `missed` are instants for which
    nothing ran, the first of them where there are many.
    """

    kind: ClassVar[str] = "expected-run"
    indexes: ClassVar[tuple[str, ...]] = ("state", "schedule_id", "lane")

    schedule_id: Id
    project_id: str | None = None
    lane: str | None = None
    expected_at: Moment
    due_at: Moment
    state: RunState = RunState.EXPECTED
    settled_at: Moment | None = None
    backup_id: str | None = None
    waits_for: str | None = None
    reason: str = ""
    late: bool = False
    missed: tuple[Moment, ...] = ()
    missed_count: int = 0


def run_id(due_at: datetime, schedule_id: str, project_id: str | None = None) -> str:
    """Return the id of a run; ids sort by the second in which runs are due."""
    names = [schedule_id] if project_id is None else [schedule_id, project_id]
    return "-".join((f"{due_at:%Y%m%dT%H%M%SZ}", *names))


def due_bound(moment: datetime) -> str:
    """Return what the ids of all runs sort below that are due up to a moment."""
    return f"{moment + _SECOND:%Y%m%dT%H%M%SZ}"


def lane_of(schedule_id: str, project_id: str) -> str:
    """Return what the runs of one schedule for one project have in common."""
    return f"{schedule_id}/{project_id}"


def expected_run(schedule: Schedule, upcoming: NextRun) -> ExpectedRun:
    """Return the calendar's entry for a run of a schedule."""
    project_id = schedule.project_id
    return ExpectedRun(
        id=upcoming.run_id,
        schedule_id=schedule.id,
        project_id=project_id,
        lane=None if project_id is None else lane_of(schedule.id, project_id),
        expected_at=upcoming.expected_at,
        due_at=upcoming.due_at,
    )


def run_of_project(run: ExpectedRun, project_id: str) -> ExpectedRun:
    """Return what the run of a tag expects for one of its projects."""
    return ExpectedRun(
        id=run_id(run.due_at, run.schedule_id, project_id),
        schedule_id=run.schedule_id,
        project_id=project_id,
        lane=lane_of(run.schedule_id, project_id),
        expected_at=run.expected_at,
        due_at=run.due_at,
        late=run.late,
    )
