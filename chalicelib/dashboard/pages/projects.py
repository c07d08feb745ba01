"""Projects: what is backed up, how it stands, and whether it can be reached."""

from __future__ import annotations

from typing import Final

from chalicelib.api.routing import OPERATOR, VIEWER
from chalicelib.dashboard import retention_fields
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.pages.waiting import WaitView
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import Schedule
from chalicelib.services.backups import BackupFilter
from chalicelib.services.projects import NewProject, PlatformKeys, ProjectChanges

LATEST: Final = 10


@page("GET /dashboard/projects", VIEWER)
def show_projects(visit: Visit) -> Html:
    """List the projects."""
    return Html("projects.html", {"projects": visible_projects(visit)})


@page("GET /dashboard/projects/{project_id}", VIEWER)
def show_project_page(visit: Visit, project: Project) -> Html:
    """Show a project with its latest backups."""
    return _shown(visit, project, None)


@page(
    "POST /dashboard/projects/{project_id}/test",
    OPERATOR,
    shown_by=show_project_page,
    starts_work=True,
)
def try_project(visit: Visit, project: Project, form: Form[EmptyForm]) -> SeeOther:
    """Let a worker try the connection."""
    del form
    return _tried(visit, project)


@page("GET /dashboard/projects/{project_id}/tests/{job_id}", VIEWER)
def show_project_test(visit: Visit, project: Project, job: Job) -> Html:
    """Show what a worker found when it tried the connection."""
    _require_own(project, job)
    return _shown(visit, project, job)


@page("GET /dashboard/projects/{project_id}/tests/{job_id}/progress", VIEWER)
def show_project_test_progress(project: Project, job: Job) -> WaitView:
    """Tell an open page whether the worker has tried."""
    _require_own(project, job)
    return WaitView.of(job)


def add_and_try(visit: Visit, new: NewProject) -> SeeOther:
    """Add a project and try it at once, or its first backup would find that it is out of reach."""
    return _tried(visit, visit.services.projects.create(visit.actor.name, new))


def change_and_try(visit: Visit, project: Project, changes: ProjectChanges) -> SeeOther:
    """Change a project, and try it where the way there or what is taken has changed."""
    changed = visit.services.projects.update(visit.actor.name, project.id, changes)
    is_same = changed.endpoint == project.endpoint and changed.supabase == project.supabase
    if is_same and changes.password is None and changes.keys == PlatformKeys():
        return SeeOther(f"/dashboard/projects/{project.id}?notice=saved")
    return _tried(visit, changed)


def _tried(visit: Visit, project: Project) -> SeeOther:
    jobs = visit.services.jobs
    job = jobs.request(visit.actor.name, JobKind.TEST, project.id, JobArguments())
    return SeeOther(f"/dashboard/projects/{project.id}/tests/{job.id}")


def _shown(visit: Visit, project: Project, job: Job | None) -> Html:
    latest = visit.services.backups.find(
        BackupFilter(project_id=project.id), limit=LATEST, before_id=None
    )
    schedules = Query(Schedule, index=("project_id", project.id), limit=LATEST)
    return Html(
        "project.html",
        {
            "project": project,
            "backups": latest.items,
            "job": job,
            "schedules": visit.services.schedules.find(schedules).items,
            "rules": retention_fields.written(project.retention),
            "labels": retention_fields.LABELS,
        },
    )


def _require_own(project: Project, job: Job) -> None:
    if job.job_kind is not JobKind.TEST or job.project_id != project.id:
        raise NotFound("there is no such job")
