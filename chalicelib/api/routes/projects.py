"""Projects: create, look, change, delete, test, estimate."""

from __future__ import annotations

from chalicelib.api import cursors
from chalicelib.api.project_sources import new_project, project_changes
from chalicelib.api.requests.backups import EstimateRequest
from chalicelib.api.requests.fields import PageQuery
from chalicelib.api.requests.projects import ProjectCreate, ProjectPatch
from chalicelib.api.routing import (
    ADMIN,
    ADMIN_EVERYWHERE,
    JOB_ACCEPTED,
    NO_CONTENT,
    OPERATOR,
    VIEWER,
    Call,
    Success,
    route,
)
from chalicelib.api.views.jobs import JobView
from chalicelib.api.views.projects import ProjectPage, ProjectView
from chalicelib.domain.backup import plan_format
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query


@route("POST /v1/projects", ADMIN_EVERYWHERE, Success(201, "/v1/projects/{id}"), starts_work=True)
def create_project(call: Call, body: ProjectCreate) -> ProjectView:
    """Create a project.

    Takes either `url` or single fields. With `all_databases` a job looks for the other databases
    of the server and creates a project for each; its id is `discover_job_id`.
    """
    project = call.services.projects.create(call.actor.name, new_project(body))
    if not body.all_databases:
        return ProjectView.of(project)
    job = call.services.jobs.request(call.actor.name, JobKind.DISCOVER, project.id, JobArguments())
    return ProjectView.of(project, discover_job_id=job.id)


@route("GET /v1/projects", VIEWER)
def list_projects(call: Call, query: PageQuery) -> ProjectPage:
    """List projects, newest first."""
    digest = cursors.filter_digest("projects", query)
    page = call.services.projects.find(
        Query(
            Project,
            before_id=cursors.decode(query.cursor, digest),
            limit=query.limit,
            keep=lambda project: call.actor.sees(project.id),
        )
    )
    return ProjectPage(
        items=tuple(ProjectView.of(project) for project in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/projects/{project_id}", VIEWER)
def show_project(project: Project) -> ProjectView:
    """Show a project."""
    return ProjectView.of(project)


@route("PATCH /v1/projects/{project_id}", ADMIN)
def update_project(call: Call, project: Project, body: ProjectPatch) -> ProjectView:
    """Change a project.

    A URL replaces the whole endpoint; one without password leaves the stored password in place.
    Null takes away rules of retention, the verification, the root certificate, and keys.
    """
    changes = project_changes(project, body)
    return ProjectView.of(call.services.projects.update(call.actor.name, project.id, changes))


@route("DELETE /v1/projects/{project_id}", ADMIN, NO_CONTENT)
def delete_project(call: Call, project: Project) -> None:
    """Delete a project that has no backups."""
    call.services.projects.delete(call.actor.name, project.id)


@route("POST /v1/projects/{project_id}/test", OPERATOR, JOB_ACCEPTED, starts_work=True)
def test_project(call: Call, project: Project) -> JobView:
    """Let a worker reach the database and say what a backup would meet."""
    return JobView.of(
        call.services.jobs.request(call.actor.name, JobKind.TEST, project.id, JobArguments())
    )


@route("POST /v1/projects/{project_id}/estimate", OPERATOR, JOB_ACCEPTED, starts_work=True)
def estimate_project(call: Call, project: Project, body: EstimateRequest) -> JobView:
    """Let a worker say how large a backup would be."""
    # asked for its refusals: what cannot be is said now and not by a worker
    plan_format(body.options)
    arguments = JobArguments(options=body.options)
    return JobView.of(
        call.services.jobs.request(call.actor.name, JobKind.ESTIMATE, project.id, arguments)
    )
