"""The editor of schedules: made and changed, with what it means worked out beside the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from chalicelib.api.requests.fields import OneLine, QueryString, RecordId
from chalicelib.api.routing import ADMIN, VIEWER
from chalicelib.dashboard import retention_fields
from chalicelib.dashboard.forms import Form, Typed, Unfit, read_form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.rhythm import DAYS, LAST_DAY, WEEKDAYS, Every, rhythm_of
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.schedule_look import ScheduleFields, ScheduleLook, look_at
from chalicelib.dashboard.tag_lines import TagLines, tags_in
from chalicelib.dashboard.zones import offered_zones
from chalicelib.domain.backup import Asked, BackupOptions, BackupType, Compression
from chalicelib.domain.errors import InvalidRequest, Unsupported
from chalicelib.domain.schedule import MAX_JITTER_S, Overlap, ProjectTag, Schedule
from chalicelib.services.changes import left_empty
from chalicelib.services.schedules import NewSchedule, ScheduleChanges

MINUTE_S: Final = 60
Said = Annotated[str, Field(max_length=120)]


class ScheduleForm(ScheduleFields):
    """Say what is backed up by itself; rules of retention left empty are its project's."""

    name: OneLine | None = None
    project: RecordId | None = None
    tag: Annotated[str, Field(max_length=321)] = ""
    jitter_min: Annotated[int, Field(ge=0, le=MAX_JITTER_S // MINUTE_S)] = 0
    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    verification: Asked | None = None
    overlap: Overlap = Overlap.SKIP
    tags: TagLines = Field(default_factory=dict)
    look: bool = False


class NewScheduleQuery(QueryString):
    """Say which project is chosen to begin with."""

    project: RecordId | None = None


class LookQuery(QueryString):
    """Say what the fields hold while they are being filled in; nothing of it is checked here."""

    every: Said = ""
    at: Said = ""
    weekday: Said = ""
    day: Said = ""
    cron: Said = ""
    timezone: Said = ""
    keep_last: Said = ""
    keep_days: Said = ""
    hourly: Said = ""
    daily: Said = ""
    weekly: Said = ""
    monthly: Said = ""
    yearly: Said = ""
    min_keep: Said = ""
    budget_gb: Said = ""


@page("GET /dashboard/schedules/new", ADMIN)
def show_new_schedule(visit: Visit, query: NewScheduleQuery) -> Html:
    """Show the form of a new schedule."""
    shown = {"every": "day", "at": "03:00", "project": query.project or ""}
    return _editor(visit, None, shown)


@page("POST /dashboard/backups/scheduled", ADMIN, shown_by=show_new_schedule)
def add_schedule(visit: Visit, form: Form[ScheduleForm]) -> Html | SeeOther:
    """Make the schedule, or show what it would do."""
    if form.model.look:
        return _editor(visit, None, form.values)
    asked = form.model
    project_id, tag = _what(visit, form)
    new = NewSchedule(
        name=asked.name or asked.expression,
        cron=asked.expression,
        project_id=project_id,
        project_tag=tag,
        timezone=asked.timezone,
        jitter_s=asked.jitter_min * MINUTE_S,
        overlap=asked.overlap,
        options=_options(asked, BackupOptions()),
        tags=asked.tags,
        retention=asked.policy(None),
    )
    try:
        made = visit.services.schedules.create(visit.actor.name, new)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/schedules/{made.id}?notice=saved")


@page("GET /dashboard/schedules/{schedule_id}/edit", ADMIN)
def show_schedule_editor(visit: Visit, schedule: Schedule) -> Html:
    """Show the form of a schedule as it is."""
    return _editor(visit, schedule, _written(schedule))


@page("POST /dashboard/schedules/{schedule_id}/edit", ADMIN, shown_by=show_schedule_editor)
def change_schedule_form(
    visit: Visit, schedule: Schedule, form: Form[ScheduleForm]
) -> Html | SeeOther:
    """Change the schedule, or show what it would do; its next run is planned from now on."""
    if form.model.look:
        return _editor(visit, schedule, form.values)
    asked = form.model
    policy = asked.policy(schedule.retention)
    changes = ScheduleChanges(
        name=asked.name or asked.expression,
        cron=asked.expression,
        timezone=asked.timezone,
        jitter_s=asked.jitter_min * MINUTE_S,
        overlap=asked.overlap,
        options=_options(asked, schedule.options),
        tags=asked.tags,
        retention=policy,
        cleared=left_empty(retention=policy),
    )
    try:
        visit.services.schedules.update(visit.actor.name, schedule.id, changes)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/schedules/{schedule.id}?notice=saved")


@page("GET /dashboard/schedules/look", VIEWER)
def show_schedule_look(visit: Visit, query: LookQuery) -> Html:
    """Show what the fields mean, as a part of the page that holds them."""
    look, wrong = _look(visit, query.model_dump())
    return Html("schedule_look.html", {"look": look, "wrong_look": wrong})


def _editor(visit: Visit, schedule: Schedule | None, shown: Mapping[str, str]) -> Html:
    typed = visit.typed.values or shown
    look, wrong = _look(visit, typed)
    return Html(
        "schedule_editor.html",
        {
            "schedule": schedule,
            "shown": dict(shown),
            "look": look,
            "wrong_look": wrong,
            "projects": visible_projects(visit),
            "every": Every,
            "weekdays": WEEKDAYS,
            "days": DAYS,
            "last_day": LAST_DAY,
            "zones": offered_zones(),
            "compressions": list(Compression),
            "labels": retention_fields.LABELS,
        },
    )


def _look(visit: Visit, shown: Mapping[str, str]) -> tuple[ScheduleLook | None, str | None]:
    said = {name: shown[name] for name in ScheduleFields.model_fields if shown.get(name)}
    try:
        return look_at(read_form(ScheduleFields, said).model, visit.now), None
    except Unfit as error:
        return None, "; ".join(f"{name}: {text}" for name, text in error.typed.problems.items())
    except InvalidRequest as error:
        return None, error.message


def _what(visit: Visit, form: Form[ScheduleForm]) -> tuple[str | None, ProjectTag | None]:
    asked = form.model
    if bool(asked.project) == bool(asked.tag):
        raise _wrong(form, "project", "choose a project, or give a tag of several")
    if asked.project:
        return visit.call.project(asked.project).id, None
    if visit.actor.projects is not None:
        raise _wrong(form, "tag", "this needs a key that reaches all projects")
    try:
        ((name, value),) = tags_in(asked.tag).items()
        return None, ProjectTag(name=name, value=value)
    except ValueError as error:
        raise _wrong(form, "tag", "write one tag, as name=value") from error


def _wrong(form: Form[ScheduleForm], name: str, text: str) -> Unfit:
    return Unfit(Typed(form.values, {name: text}))


def _options(asked: ScheduleForm, base: BackupOptions) -> BackupOptions:
    update = {
        "type": asked.type,
        "compression": asked.compression,
        "verification": asked.verification,
    }
    return base.model_copy(update=update)


def _written(schedule: Schedule) -> dict[str, str]:
    rhythm = rhythm_of(schedule.cron)
    options = schedule.options
    return {
        "name": schedule.name,
        "every": rhythm.every,
        "at": rhythm.at,
        "weekday": rhythm.weekday,
        "day": rhythm.day,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "jitter_min": str(schedule.jitter_s // MINUTE_S),
        "type": options.type,
        "compression": options.compression or "",
        "verification": options.verification or "",
        "overlap": schedule.overlap,
        "tags": "\n".join(f"{name}={value}" for name, value in schedule.tags.items()),
        **retention_fields.written(schedule.retention),
    }
