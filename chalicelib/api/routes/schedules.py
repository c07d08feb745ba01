"""Schedules: create, look, change, delete, run now, preview."""

from __future__ import annotations

from typing import Any

from chalicelib.api import cursors
from chalicelib.api.requests.schedules import (
    PreviewQuery,
    ScheduleCreate,
    ScheduleFields,
    SchedulePatch,
    ScheduleQuery,
)
from chalicelib.api.routing import ADMIN, NO_CONTENT, OPERATOR, VIEWER, Call, Success, route
from chalicelib.api.views.backups import BackupView
from chalicelib.api.views.schedules import PreviewView, SchedulePage, ScheduleView, StartedView
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import Schedule
from chalicelib.services.schedules import NewSchedule, ScheduleChanges


@route("POST /v1/schedules", ADMIN, Success(201, "/v1/schedules/{id}"))
def create_schedule(call: Call, body: ScheduleCreate) -> ScheduleView:
    """Create a schedule for one project, or for all projects with a tag.

    A time that the clock leaves out in spring runs when the gap ends, one that comes twice in
    autumn runs once; what runs every hour is not disturbed.
    """
    project = call.project(body.project_id) if body.project_id is not None else None
    if project is None and call.actor.projects is not None:
        raise Forbidden(
            "a schedule of a tag needs a key that reaches all projects",
            hint="Name one project, or use a key that is not limited to projects.",
        )
    new = NewSchedule(
        name=body.name,
        project_id=project.id if project else None,
        project_tag=body.project_tag.tag if body.project_tag else None,
        cron=body.cron,
        timezone=body.timezone,
        **_said(body),
    )
    return ScheduleView.of(call.services.schedules.create(call.actor.name, new))


@route("GET /v1/schedules", VIEWER)
def list_schedules(call: Call, query: ScheduleQuery) -> SchedulePage:
    """List schedules, newest first."""
    # A filter by a hidden project is told the same as one by a missing project.
    index = ("project_id", call.project(query.project).id) if query.project else None
    digest = cursors.filter_digest("schedules", query)
    page = call.services.schedules.find(
        Query(
            Schedule,
            index=index,
            before_id=cursors.decode(query.cursor, digest),
            limit=query.limit,
            keep=call.sees,
        )
    )
    return SchedulePage(
        items=tuple(ScheduleView.of(schedule) for schedule in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/schedules/preview", VIEWER)
def preview_schedule(call: Call, query: PreviewQuery) -> PreviewView:
    """Show when a cron expression would run next."""
    runs = call.services.schedules.preview(query.cron, query.timezone, query.n)
    return PreviewView(cron=query.cron, timezone=query.timezone, runs=runs)


@route("GET /v1/schedules/{schedule_id}", VIEWER)
def show_schedule(schedule: Schedule) -> ScheduleView:
    """Show a schedule with its next three runs."""
    return ScheduleView.of(schedule)


@route("PATCH /v1/schedules/{schedule_id}", ADMIN)
def update_schedule(call: Call, schedule: Schedule, body: SchedulePatch) -> ScheduleView:
    """Change a schedule; its next run is planned anew, from now on."""
    changes = ScheduleChanges(
        name=body.name,
        cron=body.cron,
        timezone=body.timezone,
        cleared=body.cleared,
        **_said(body),
    )
    return ScheduleView.of(call.services.schedules.update(call.actor.name, schedule.id, changes))


@route("DELETE /v1/schedules/{schedule_id}", ADMIN, NO_CONTENT)
def delete_schedule(call: Call, schedule: Schedule) -> None:
    """Delete a schedule; the backups that it made stay."""
    call.services.schedules.delete(call.actor.name, schedule.id)


@route("POST /v1/schedules/{schedule_id}/run", OPERATOR, Success(202), starts_work=True)
def run_schedule(call: Call, schedule: Schedule, idempotency_key: str | None) -> StartedView:
    """Request now what a run of the schedule makes; its next run stays where it is.

    The same Idempotency-Key gives the backups of the first request.
    """
    started = call.services.schedules.run_now(call.actor.name, schedule, idempotency_key)
    return StartedView(backups=tuple(BackupView.of(backup) for backup in started))


def _said(body: ScheduleFields) -> dict[str, Any]:
    """Return what was said of a schedule; what was not is left to its default, or as it is."""
    said: dict[str, Any] = {name: getattr(body, name) for name in ScheduleFields.model_fields}
    said["options"] = body.options.options if body.options else None
    return {name: value for name, value in said.items() if value is not None}
