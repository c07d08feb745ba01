"""Projects: what is backed up, and the form that adds one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chalicelib.api.connections import new_connection
from chalicelib.api.requests.fields import OneLine
from chalicelib.api.requests.projects import ConnectionFields
from chalicelib.api.routing import ADMIN_EVERYWHERE, OPERATOR, VIEWER
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import Asked
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.services.backups import BackupFilter
from chalicelib.services.projects import NewProject

LATEST = 10


class ProjectForm(BaseModel):
    """Add a project by the URL of its database."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[SecretStr, Field(max_length=4096)]
    name: OneLine | None = None
    verification: Asked | None = None
    tags: TagLines = Field(default_factory=dict)


@page("GET /dashboard/projects", VIEWER)
def show_projects(visit: Visit) -> Html:
    """List the projects."""
    return Html("projects.html", {"projects": visible_projects(visit)})


@page("GET /dashboard/projects/new", ADMIN_EVERYWHERE)
def show_new_project() -> Html:
    """Show the form of a project."""
    return Html("project_new.html")


@page("POST /dashboard/projects", ADMIN_EVERYWHERE, shown_by=show_new_project, starts_work=True)
def add_project(visit: Visit, form: Form[ProjectForm]) -> SeeOther:
    """Add the project, and let a worker try its connection."""
    try:
        connection = new_connection(ConnectionFields(url=form.model.url))
        endpoint = connection.endpoint
        project = visit.services.projects.create(
            visit.actor.name,
            NewProject(
                name=form.model.name or f"{endpoint.database}@{endpoint.host}"[:200],
                connection=connection,
                tags=form.model.tags,
                verification=form.model.verification,
            ),
        )
    except InvalidRequest as error:
        raise form.refused(error) from error
    # tried at once: a project that cannot be reached would be found out by its first backup
    job = _test(visit, project)
    return SeeOther(f"/dashboard/projects/{project.id}/tests/{job.id}")


@page("GET /dashboard/projects/{project_id}", VIEWER)
def show_project_page(visit: Visit, project: Project) -> Html:
    """Show a project with its latest backups."""
    latest = visit.services.backups.find(
        BackupFilter(project_id=project.id), limit=LATEST, before_id=None
    )
    return Html("project.html", {"project": project, "backups": latest.items, "job": None})


@page(
    "POST /dashboard/projects/{project_id}/test",
    OPERATOR,
    shown_by=show_project_page,
    starts_work=True,
)
def try_project(visit: Visit, project: Project, form: Form[EmptyForm]) -> SeeOther:
    """Let a worker try the connection."""
    del form
    return SeeOther(f"/dashboard/projects/{project.id}/tests/{_test(visit, project).id}")


@page("GET /dashboard/projects/{project_id}/tests/{job_id}", VIEWER)
def show_project_test(visit: Visit, project: Project, job: Job) -> Html:
    """Show what a worker found when it tried the connection."""
    latest = visit.services.backups.find(
        BackupFilter(project_id=project.id), limit=LATEST, before_id=None
    )
    return Html("project.html", {"project": project, "backups": latest.items, "job": job})


def _test(visit: Visit, project: Project) -> Job:
    return visit.services.jobs.request(visit.actor.name, JobKind.TEST, project.id, JobArguments())
