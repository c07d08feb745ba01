"""Schedules: what runs by itself and when, paused, run now, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from chalicelib.api.routing import ADMIN, OPERATOR, VIEWER
from chalicelib.api.views.schedules import ScheduleView
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import NotFound, RequestError
from chalicelib.domain.record import Query
from chalicelib.domain.retention.outlines import BackupOutline
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule
from chalicelib.services.schedules import ScheduleChanges

LATEST: Final = 100
SHOWN_RUNS: Final = 20
STRIP: Final = 7
LATEST_BACKUPS: Final = 300


class PauseForm(BaseModel):
    """Say whether a schedule runs by itself."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


@dataclass(frozen=True)
class ShownRun:
    """Hold a run with what became of its backup; None where that is gone, or there was none."""

    run: ExpectedRun
    status: Status | None

    @property
    def word(self) -> str:
        """What became of it: a run that was started says nothing yet of its end."""
        return self.status.value if self.status else self.run.state.value

    @property
    def missed(self) -> int:
        """For how many instants nothing ran in time, as this run knows."""
        return self.run.missed_count or int(self.run.state is RunState.MISSED)


@dataclass(frozen=True)
class ShownSchedule:
    """Hold a schedule as its row shows it; `runs` are the latest that are settled, oldest first."""

    view: ScheduleView
    zone: ZoneInfo
    sentence: str
    runs: tuple[ShownRun, ...]

    @property
    def missed(self) -> int:
        """How many instants of the shown runs had no run in time."""
        return sum(one.missed for one in self.runs)


@page("GET /dashboard/backups/scheduled", VIEWER)
def show_scheduled(visit: Visit) -> Html:
    """List the schedules with their next and their latest runs."""
    query = Query(Schedule, limit=LATEST, keep=visit.call.sees)
    projects = visible_projects(visit)
    found = visit.services.schedules.find(query).items
    ends = _ends(visit) if found else {}
    return Html(
        "scheduled.html",
        {
            "schedules": [_shown(visit, one, STRIP, ends) for one in found],
            "projects": projects,
            "names": {project.id: project.name for project in projects},
        },
    )


@page("GET /dashboard/schedules/{schedule_id}", VIEWER)
def show_schedule_page(visit: Visit, schedule: Schedule) -> Html:
    """Show a schedule: when, what, what it keeps, and what became of its runs."""
    return Html(
        "schedule.html",
        {
            "one": _shown(visit, schedule, SHOWN_RUNS, _ends(visit)),
            "project_name": _project_name(visit, schedule),
        },
    )


@page("POST /dashboard/schedules/{schedule_id}/pause", ADMIN, shown_by=show_schedule_page)
def pause_schedule(visit: Visit, schedule: Schedule, form: Form[PauseForm]) -> SeeOther:
    """Let the schedule rest, or run again from now on."""
    changes = ScheduleChanges(enabled=form.model.enabled)
    visit.services.schedules.update(visit.actor.name, schedule.id, changes)
    return SeeOther("/dashboard/backups/scheduled?notice=saved")


@page(
    "POST /dashboard/schedules/{schedule_id}/run",
    OPERATOR,
    shown_by=show_schedule_page,
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


@page("POST /dashboard/schedules/{schedule_id}/delete", ADMIN, shown_by=show_schedule_page)
def delete_schedule_form(visit: Visit, schedule: Schedule, form: Form[EmptyForm]) -> SeeOther:
    """Delete the schedule; its backups stay, so that one button is enough."""
    del form
    visit.services.schedules.delete(visit.actor.name, schedule.id)
    return SeeOther("/dashboard/backups/scheduled?notice=deleted")


def _ends(visit: Visit) -> dict[str, Status]:
    # one look at the latest backups, not one for each run; outlines, because nothing else is shown
    latest = visit.services.ledger.catalog.find(Query(BackupOutline, limit=LATEST_BACKUPS))
    return {one.id: one.status for one in latest.items}


def _shown(
    visit: Visit, schedule: Schedule, count: int, ends: Mapping[str, Status]
) -> ShownSchedule:
    settled = visit.services.schedules.settled_runs(schedule.id, count)
    return ShownSchedule(
        view=ScheduleView.of(schedule),
        zone=ZoneInfo(schedule.timezone),
        sentence=schedule.timetable.sentence,
        runs=tuple(ShownRun(run, ends.get(run.backup_id or "")) for run in settled[::-1]),
    )


def _project_name(visit: Visit, schedule: Schedule) -> str | None:
    if schedule.project_id is None:
        return None
    try:
        return visit.services.projects.get(schedule.project_id).name
    except NotFound:
        # the schedule outlives its project, and says so at its next run
        return f"{schedule.project_id} (deleted)"
