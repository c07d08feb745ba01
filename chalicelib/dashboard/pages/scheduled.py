"""Schedules: what runs by itself and when, made, paused, run now, deleted."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import OneLine, RecordId
from chalicelib.api.routing import ADMIN, OPERATOR, VIEWER
from chalicelib.api.views.schedules import ScheduleView
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Asked, BackupOptions, BackupType
from chalicelib.domain.errors import InvalidRequest, RequestError, Unsupported
from chalicelib.domain.record import Query
from chalicelib.domain.retention.policy import Count, RetentionPolicy
from chalicelib.domain.schedule import Overlap, Schedule
from chalicelib.services.schedules import NewSchedule, ScheduleChanges

LATEST: Final = 100


class ScheduleForm(BaseModel):
    """Make a schedule of one project; rules of retention left empty are its project's."""

    model_config = ConfigDict(extra="forbid")

    name: OneLine | None = None
    project: RecordId
    cron: Annotated[str, Field(max_length=100)]
    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    type: BackupType = BackupType.FULL
    verification: Asked | None = None
    overlap: Overlap = Overlap.SKIP
    keep_last: Annotated[Count | None, Field(strict=False)] = None
    daily: Annotated[Count | None, Field(strict=False)] = None
    monthly: Annotated[Count | None, Field(strict=False)] = None

    @property
    def retention(self) -> RetentionPolicy | None:
        """The rules that were given; None when none were."""
        rules = {"keep_last": self.keep_last, "daily": self.daily, "monthly": self.monthly}
        given = {name: count for name, count in rules.items() if count is not None}
        return RetentionPolicy.model_validate(given) if given else None


class PauseForm(BaseModel):
    """Say whether a schedule runs by itself."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


@page("GET /dashboard/backups/scheduled", VIEWER)
def show_scheduled(visit: Visit) -> Html:
    """List the schedules with their next runs, and show the form of a new one."""
    found = visit.services.schedules.find(Query(Schedule, limit=LATEST, keep=visit.call.sees))
    projects = visible_projects(visit)
    return Html(
        "scheduled.html",
        {
            "schedules": [ScheduleView.of(schedule) for schedule in found.items],
            "projects": projects,
            "names": {project.id: project.name for project in projects},
        },
    )


@page("POST /dashboard/backups/scheduled", ADMIN, shown_by=show_scheduled)
def add_schedule(visit: Visit, form: Form[ScheduleForm]) -> SeeOther:
    """Make the schedule."""
    asked = form.model
    new = NewSchedule(
        name=asked.name or asked.cron,
        cron=asked.cron,
        project_id=visit.call.project(asked.project).id,
        timezone=asked.timezone,
        overlap=asked.overlap,
        options=BackupOptions(type=asked.type, verification=asked.verification),
        retention=asked.retention,
    )
    try:
        visit.services.schedules.create(visit.actor.name, new)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    return _back()


@page("POST /dashboard/schedules/{schedule_id}/pause", ADMIN, shown_by=show_scheduled)
def pause_schedule(visit: Visit, schedule: Schedule, form: Form[PauseForm]) -> SeeOther:
    """Let the schedule rest, or run again from now on."""
    changes = ScheduleChanges(enabled=form.model.enabled)
    visit.services.schedules.update(visit.actor.name, schedule.id, changes)
    return _back()


@page(
    "POST /dashboard/schedules/{schedule_id}/run",
    OPERATOR,
    shown_by=show_scheduled,
    starts_work=True,
)
def run_schedule_now(visit: Visit, schedule: Schedule, form: Form[EmptyForm]) -> SeeOther:
    """Ask for what a run makes, and show it where it is one backup."""
    try:
        made = visit.services.schedules.run_now(visit.actor.name, schedule)
    except RequestError as error:
        raise form.refused(error) from error
    if len(made) == 1:
        return SeeOther(f"/dashboard/backups/{made[0].id}?notice=started")
    return SeeOther("/dashboard/backups/history?notice=started")


@page("POST /dashboard/schedules/{schedule_id}/delete", ADMIN, shown_by=show_scheduled)
def delete_schedule_form(visit: Visit, schedule: Schedule, form: Form[EmptyForm]) -> SeeOther:
    """Delete the schedule; its backups stay, so that one button is enough."""
    del form
    visit.services.schedules.delete(visit.actor.name, schedule.id)
    return SeeOther("/dashboard/backups/scheduled?notice=deleted")


def _back() -> SeeOther:
    return SeeOther("/dashboard/backups/scheduled?notice=saved")
