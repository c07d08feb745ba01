"""Projects are added, changed and deleted here; every change of the way there is tried at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.project_sources import changed_source
from chalicelib.api.routing import ADMIN, ADMIN_EVERYWHERE
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.projects import show_project_page, test_of
from chalicelib.dashboard.project_fields import ProjectFields, written
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.access import new_secret
from chalicelib.domain.connection import SslMode
from chalicelib.domain.errors import Conflict, InvalidRequest
from chalicelib.domain.project import Project
from chalicelib.domain.reader_role import READER, reader_sql
from chalicelib.services.projects import NewProject, PlatformKeys

MAX_NAME: Final = 200


class DeleteProjectForm(BaseModel):
    """Name the project that goes, so that no slip of a finger deletes one."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[str, Field(max_length=MAX_NAME)] = ""


@page("GET /dashboard/projects/new", ADMIN_EVERYWHERE)
def show_new_project(visit: Visit) -> Html:
    """Show the form of a project."""
    del visit
    return _form(None, {"port": "5432"})


@page("POST /dashboard/projects", ADMIN_EVERYWHERE, shown_by=show_new_project, starts_work=True)
def add_project(visit: Visit, form: Form[ProjectFields]) -> SeeOther:
    """Add the project, and let a worker try its connection."""
    asked = form.model
    if asked.url is None and asked.host is None:
        raise Unfit(Typed(form.values, {"url": "paste a URL, or fill in the fields below"}))
    try:
        connection, supabase = asked.source
        endpoint = connection.endpoint
        usual = supabase.ref if supabase else f"{endpoint.database}@{endpoint.host}"[:MAX_NAME]
        project = visit.services.projects.create(
            visit.actor.name,
            NewProject(
                name=asked.name or usual,
                connection=connection,
                tags=asked.tags,
                verification=asked.verification,
                supabase=supabase,
                keys=asked.keys,
            ),
        )
    except InvalidRequest as error:
        raise form.refused(error) from error
    # tried at once: a project that cannot be reached would be found out by its first backup
    return _tried(visit, project)


@page("GET /dashboard/projects/{project_id}/edit", ADMIN)
def show_project_editor(visit: Visit, project: Project) -> Html:
    """Show the form of a project as it is."""
    del visit
    return _form(project, written(project))


@page(
    "POST /dashboard/projects/{project_id}/edit",
    ADMIN,
    shown_by=show_project_editor,
    starts_work=True,
)
def change_project_form(visit: Visit, project: Project, form: Form[ProjectFields]) -> SeeOther:
    """Change the project; a password left empty stays as it is."""
    asked = form.model
    try:
        changes = replace(
            changed_source(project, asked.changes),
            name=asked.name,
            tags=asked.tags,
            verification=asked.verification,
        )
        changed = visit.services.projects.update(visit.actor.name, project.id, changes)
    except InvalidRequest as error:
        raise form.refused(error) from error
    # where the way there is the same, there is nothing to try
    is_same = changed.endpoint == project.endpoint and changed.supabase == project.supabase
    if is_same and changes.password is None and changes.keys == PlatformKeys():
        return SeeOther(f"/dashboard/projects/{project.id}?notice=saved")
    return _tried(visit, changed)


@page("POST /dashboard/projects/{project_id}/delete", ADMIN, shown_by=show_project_page)
def delete_project_form(visit: Visit, project: Project, form: Form[DeleteProjectForm]) -> SeeOther:
    """Delete the project that was named; one that has backups is not."""
    if form.model.confirm != project.name:
        raise Unfit(Typed(form.values, {"confirm": "this is not the name of the project"}))
    try:
        visit.services.projects.delete(visit.actor.name, project.id)
    except Conflict as error:
        raise form.refused(error) from error
    return SeeOther("/dashboard/projects?notice=deleted")


def _form(project: Project | None, shown: Mapping[str, str]) -> Html:
    # made for the statements that are shown, and kept nowhere
    password = new_secret()
    return Html(
        "project_form.html",
        {
            "project": project,
            "shown": dict(shown),
            "sslmodes": list(SslMode),
            "reader": READER,
            "reader_password": password,
            "reader_sql": reader_sql(password),
        },
    )


def _tried(visit: Visit, project: Project) -> SeeOther:
    return SeeOther(f"/dashboard/projects/{project.id}/tests/{test_of(visit, project).id}")
