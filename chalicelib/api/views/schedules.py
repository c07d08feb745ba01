"""What callers see of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.api.views.backups import BackupView
from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import LastRun, NextRun, Overlap, ProjectTag, Schedule

SHOWN_RUNS: Final = 3


class ScheduleView(View):
    """Show a schedule.

    `next_runs` are the instants that follow, none while it is disabled; `next` is the first of them
    with the moment it is due at by its jitter. `disabled_because` is there where the service itself
    took it out of use.
    """

    id: str
    name: str
    project_id: str | None
    project_tag: ProjectTag | None
    cron: str
    timezone: str
    jitter_s: int
    enabled: bool
    overlap: Overlap
    options: BackupOptions
    tags: dict[str, str]
    retention: RetentionPolicy | None
    created_at: datetime
    updated_at: datetime
    next: NextRun | None
    next_runs: tuple[datetime, ...]
    last: LastRun | None
    disabled_because: ErrorInfo | None

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """Show this schedule."""
        following: tuple[datetime, ...] = ()
        if schedule.next is not None:
            first = schedule.next.expected_at
            following = (first, *schedule.timetable.upcoming(first, SHOWN_RUNS - 1))
        shown = {
            name: getattr(schedule, name)
            for name in cls.model_fields
            if name in Schedule.model_fields
        }
        return cls.model_validate({**shown, "next_runs": following})


class SchedulePage(PageView):
    """Show one page of schedules, newest first."""

    items: tuple[ScheduleView, ...]


class PreviewView(View):
    """Show the next instants of a cron expression, in UTC."""

    cron: str
    timezone: str
    runs: tuple[datetime, ...]


class StartedView(View):
    """Show the backups that a run asked for by hand has started."""

    backups: tuple[BackupView, ...]
