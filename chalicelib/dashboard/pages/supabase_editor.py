"""Supabase projects: added by their reference or any URL of theirs, and changed."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.project_sources import new_project, project_changes
from chalicelib.api.routing import ADMIN, ADMIN_EVERYWHERE
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.projects import add_and_try, change_and_try
from chalicelib.dashboard.project_fields import (
    OPTIONAL,
    TAKE,
    SupabaseFields,
    named,
    without_password,
)
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.access import new_secret
from chalicelib.domain.backup import Component
from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.reader_role import READER, supabase_reader_sql
from chalicelib.domain.supabase import StorageAccess, SupabaseSettings
from chalicelib.domain.supabase_url import SupabasePlace


@page("GET /dashboard/projects/supabase", ADMIN_EVERYWHERE)
def show_new_supabase(visit: Visit) -> Html:
    """Show the form of a Supabase project."""
    return _form(visit, None, _everything())


@page(
    "POST /dashboard/projects/supabase",
    ADMIN_EVERYWHERE,
    shown_by=show_new_supabase,
    starts_work=True,
)
def add_supabase(visit: Visit, form: Form[SupabaseFields]) -> SeeOther:
    """Add the project, and let a worker try what of it can be taken."""
    if form.model.url is None:
        raise Unfit(Typed(form.values, {"url": "give the reference of the project, or a URL"}))
    _require_something(form)
    try:
        return add_and_try(visit, new_project(form.model.body))
    except InvalidRequest as error:
        raise form.refused(error) from error


@page("GET /dashboard/projects/{project_id}/supabase", ADMIN)
def show_supabase_editor(visit: Visit, project: Project) -> Html:
    """Show the form of a Supabase project as it is; never its keys."""
    settings = _settings(project)
    shown = {
        **named(project),
        "storage_access": settings.storage_access,
        **{TAKE + one: "true" for one in settings.components},
        **{OPTIONAL + one: "true" for one in settings.optional},
    }
    return _form(visit, project, shown)


@page(
    "POST /dashboard/projects/{project_id}/supabase",
    ADMIN,
    shown_by=show_supabase_editor,
    starts_work=True,
)
def change_supabase(visit: Visit, project: Project, form: Form[SupabaseFields]) -> SeeOther:
    """Change the project, and try it again."""
    _settings(project)
    _require_something(form)
    try:
        return change_and_try(visit, project, project_changes(project, form.model.changes))
    except InvalidRequest as error:
        raise form.refused(error) from error


def continued(visit: Visit, place: SupabasePlace, typed: Mapping[str, str]) -> Html:
    """Go on with the form of a Supabase project, where the usual form was given one."""
    kept = {name: typed.get(name, "") for name in ("name", "verification", "tags")}
    return _form(visit, None, {**kept, **_everything(), "url": place.text}, is_continued=True)


def _form(
    visit: Visit, project: Project | None, shown: Mapping[str, str], *, is_continued: bool = False
) -> Html:
    typed = visit.typed.values
    return Html(
        "supabase_form.html",
        {
            "project": project,
            "shown": {**shown, "url": without_password(visit.typed)} if typed else shown,
            "ticked": typed or shown,
            "components": list(Component),
            "accesses": list(StorageAccess),
            "reader": READER,
            "reader_sql": supabase_reader_sql(new_secret()),
            "is_continued": is_continued,
        },
    )


def _everything() -> dict[str, str]:
    return {TAKE + one: "true" for one in Component}


def _settings(project: Project) -> SupabaseSettings:
    if project.supabase is None:
        raise NotFound("this is no Supabase project")
    return project.supabase


def _require_something(form: Form[SupabaseFields]) -> None:
    if not form.model.components:
        raise Unfit(Typed(form.values, {"components": "tick what a backup should take"}))
