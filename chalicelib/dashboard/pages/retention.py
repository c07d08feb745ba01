"""What a project or one of its schedules keeps: the rules, and a picture of what they do now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from chalicelib.api.requests.fields import QueryString, RecordId
from chalicelib.api.routing import ADMIN, VIEWER
from chalicelib.dashboard import retention_fields
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.kept_picture import WORDS, picture_of
from chalicelib.dashboard.retention_fields import RetentionFields
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.errors import NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import Schedule
from chalicelib.services.changes import left_empty
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.retention.preview import Asked, Preview
from chalicelib.services.schedules import ScheduleChanges

DRAWN: Final = 1000
LISTED: Final = 50


class RetentionQuery(QueryString):
    """Say whether the rules of one schedule are meant."""

    schedule: RecordId | None = None


class RetentionForm(RetentionFields):
    """Hold the rules of a project, or of the schedule that is named."""

    schedule: RecordId | None = None
    look: bool = False


class AcceptForm(BaseModel):
    """Say whose backups somebody found right."""

    model_config = ConfigDict(extra="forbid")

    schedule: RecordId | None = None


@page("GET /dashboard/projects/{project_id}/retention", VIEWER)
def show_retention(visit: Visit, project: Project, query: RetentionQuery) -> Html:
    """Show the rules, and what they keep of the backups that are there."""
    schedule = _schedule(visit, project, visit.typed.values.get("schedule") or query.schedule)
    stored = _stored(project, schedule)
    return _shown(visit, (project, schedule), stored, retention_fields.written(stored))


@page("POST /dashboard/projects/{project_id}/retention", ADMIN, shown_by=show_retention)
def change_retention(visit: Visit, project: Project, form: Form[RetentionForm]) -> Html | SeeOther:
    """Save the rules, or show what they would do."""
    schedule = _schedule(visit, project, form.model.schedule)
    policy = form.model.policy(_stored(project, schedule))
    if form.model.look:
        return _shown(visit, (project, schedule), policy, form.values)
    if schedule is None:
        of_project = ProjectChanges(retention=policy, cleared=left_empty(retention=policy))
        visit.services.projects.update(visit.actor.name, project.id, of_project)
    else:
        of_schedule = ScheduleChanges(retention=policy, cleared=left_empty(retention=policy))
        visit.services.schedules.update(visit.actor.name, schedule.id, of_schedule)
    return SeeOther(_path(project, schedule, "saved"))


@page("POST /dashboard/projects/{project_id}/retention/accept", ADMIN, shown_by=show_retention)
def accept_as_it_is(visit: Visit, project: Project, form: Form[AcceptForm]) -> SeeOther:
    """Take the word of a person that the backups are right, so that retention goes on."""
    schedule = _schedule(visit, project, form.model.schedule)
    schedule_id = schedule.id if schedule else None
    visit.services.retention.accept(visit.actor.name, project, schedule_id)
    return SeeOther(_path(project, schedule, "saved"))


def _shown(
    visit: Visit,
    whose: tuple[Project, Schedule | None],
    policy: RetentionPolicy | None,
    shown: Mapping[str, str],
) -> Html:
    project, schedule = whose
    preview = _preview(visit, project, schedule, policy) if policy is not None else None
    return Html(
        "retention.html",
        {
            "project": project,
            "schedule": schedule,
            "shown": dict(shown),
            "labels": retention_fields.LABELS,
            "is_stored": policy == _stored(project, schedule),
            "preview": preview,
            "picture": picture_of(preview.verdicts, visit.now) if preview else None,
            "listed": preview.verdicts[:LISTED] if preview else (),
            "words": WORDS,
        },
    )


def _preview(
    visit: Visit, project: Project, schedule: Schedule | None, policy: RetentionPolicy
) -> Preview:
    asked = Asked(project, schedule.id if schedule else None, policy)
    return visit.services.retention.preview(asked, limit=DRAWN, before_id=None)


def _schedule(visit: Visit, project: Project, schedule_id: str | None) -> Schedule | None:
    if not schedule_id:
        return None
    schedule = visit.call.schedule(schedule_id)
    if schedule.project_id not in {None, project.id}:
        raise NotFound("there is no such schedule")
    return schedule


def _stored(project: Project, schedule: Schedule | None) -> RetentionPolicy | None:
    return project.retention if schedule is None else schedule.retention


def _path(project: Project, schedule: Schedule | None, notice: str) -> str:
    whose = f"schedule={schedule.id}&" if schedule else ""
    return f"/dashboard/projects/{project.id}/retention?{whose}notice={notice}"
