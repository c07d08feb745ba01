"""Projects are added, changed and deleted here; every change of the way there is tried at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.project_sources import MAX_NAME, new_project, project_changes
from chalicelib.api.routing import ADMIN, ADMIN_EVERYWHERE
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.projects import add_and_try, change_and_try, show_project_page
from chalicelib.dashboard.pages.supabase_editor import continued, show_supabase_editor
from chalicelib.dashboard.project_fields import ProjectFields, taken_apart, written
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.access import new_secret
from chalicelib.domain.connection import SslMode
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.reader_role import READER, reader_sql


class DeleteProjectForm(BaseModel):
    """Name the project that goes, so that no slip of a finger deletes one."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[str, Field(max_length=MAX_NAME)] = ""


@page("GET /dashboard/projects/new", ADMIN_EVERYWHERE)
def show_new_project(visit: Visit) -> Html:
    """Show the form of a project."""
    return _form(visit, None, {"port": "5432"})


@page("POST /dashboard/projects", ADMIN_EVERYWHERE, shown_by=show_new_project, starts_work=True)
def add_project(visit: Visit, form: Form[ProjectFields]) -> Html | SeeOther:
    """Add the project; one of Supabase goes on to its own form, which asks for its keys."""
    asked = form.model
    if asked.url is None and asked.host is None:
        raise Unfit(Typed(form.values, {"url": "paste a URL, or fill in the fields below"}))
    try:
        place = asked.supabase
        if place is not None:
            return continued(visit, place, form.values)
        return add_and_try(visit, new_project(asked.body))
    except InvalidRequest as error:
        raise form.refused(error) from error


@page("GET /dashboard/projects/{project_id}/edit", ADMIN)
def show_project_editor(visit: Visit, project: Project) -> Html:
    """Show the form of a project as it is; one of Supabase has its own."""
    if project.supabase is not None:
        return show_supabase_editor(visit, project)
    return _form(visit, project, written(project))


@page(
    "POST /dashboard/projects/{project_id}/edit",
    ADMIN,
    shown_by=show_project_editor,
    starts_work=True,
)
def change_project_form(visit: Visit, project: Project, form: Form[ProjectFields]) -> SeeOther:
    """Change the project; a password left empty stays as it is."""
    if project.supabase is not None:
        raise NotFound("a Supabase project has a form of its own")
    try:
        return change_and_try(visit, project, project_changes(project, form.model.changes))
    except InvalidRequest as error:
        raise form.refused(error) from error


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


def _form(visit: Visit, project: Project | None, shown: Mapping[str, str]) -> Html:
    # made for the statements that are shown, and kept nowhere
    password = new_secret()
    return Html(
        "project_form.html",
        {
            "project": project,
            "shown": shown,
            "typed": taken_apart(visit.typed),
            "sslmodes": list(SslMode),
            "reader": READER,
            "reader_password": password,
            "reader_sql": reader_sql(password),
        },
    )
