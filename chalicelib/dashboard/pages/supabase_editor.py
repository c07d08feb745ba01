"""Supabase projects: added by their reference or any URL of theirs, and changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from chalicelib.api.project_sources import changed_source, new_source
from chalicelib.api.requests.fields import OneLine, PlatformKey
from chalicelib.api.requests.projects import ProjectCreate, ProjectPatch
from chalicelib.api.routing import ADMIN, ADMIN_EVERYWHERE
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.projects import test_of
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.access import new_secret
from chalicelib.domain.backup import Asked, Component
from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.reader_role import READER, supabase_reader_sql
from chalicelib.domain.supabase import StorageAccess
from chalicelib.services.projects import NewProject

TAKE: Final = "take."
OPTIONAL: Final = "optional."
"""Browsers send one field for each box that is ticked; these begin so."""


class SupabaseForm(BaseModel):
    """Hold what was typed of a Supabase project; keys left empty stay as they are."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[SecretStr, Field(max_length=4096)] | None = None
    password: Annotated[SecretStr, Field(max_length=1024)] | None = None
    access_token: PlatformKey | None = None
    storage_key: PlatformKey | None = None
    storage_access: StorageAccess = StorageAccess.REST
    components: tuple[Component, ...] = ()
    optional: tuple[Component, ...] = ()
    name: OneLine | None = None
    verification: Asked | None = None
    tags: TagLines = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _ticked(cls, given: Any) -> Any:
        rest = {name: text for name, text in given.items() if not name.startswith((TAKE, OPTIONAL))}
        return {
            **rest,
            "components": _after(given, TAKE),
            "optional": _after(given, OPTIONAL),
        }

    @property
    def said(self) -> dict[str, Any]:
        """What was said, as requests of the API say it."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        # no box at all leaves the choice to the project's usual one
        return {name: value for name, value in given.items() if value not in (None, ())}


@page("GET /dashboard/projects/supabase", ADMIN_EVERYWHERE)
def show_new_supabase(visit: Visit) -> Html:
    """Show the form of a Supabase project."""
    del visit
    return _form(None, {TAKE + one: "true" for one in Component})


@page(
    "POST /dashboard/projects/supabase",
    ADMIN_EVERYWHERE,
    shown_by=show_new_supabase,
    starts_work=True,
)
def add_supabase(visit: Visit, form: Form[SupabaseForm]) -> SeeOther:
    """Add the project, and let a worker try what of it can be taken."""
    if form.model.url is None:
        raise Unfit(Typed(form.values, {"url": "give the reference of the project, or a URL"}))
    try:
        body = ProjectCreate(kind=ProjectKind.SUPABASE, **form.model.said)
        connection, supabase = new_source(body)
        new = NewProject(
            name=body.name or (supabase.ref if supabase else connection.endpoint.database),
            connection=connection,
            tags=body.tags,
            verification=body.verification,
            supabase=supabase,
            keys=body.platform_keys,
        )
        project = visit.services.projects.create(visit.actor.name, new)
    except InvalidRequest as error:
        raise form.refused(error) from error
    return _tried(visit, project)


@page("GET /dashboard/projects/{project_id}/supabase", ADMIN)
def show_supabase_editor(visit: Visit, project: Project) -> Html:
    """Show the form of a Supabase project as it is; never its keys."""
    del visit
    return _form(project, _written(project))


@page(
    "POST /dashboard/projects/{project_id}/supabase",
    ADMIN,
    shown_by=show_supabase_editor,
    starts_work=True,
)
def change_supabase(visit: Visit, project: Project, form: Form[SupabaseForm]) -> SeeOther:
    """Change the project, and try it again."""
    _written(project)
    # a change takes a URL alone, with the password in it
    if form.model.url is not None and form.model.password is not None:
        raise Unfit(Typed(form.values, {"password": "write it into the URL, or leave that out"}))
    try:
        body = ProjectPatch(**form.model.said)
        changes = replace(
            changed_source(project, body),
            name=body.name,
            tags=form.model.tags,
            verification=body.verification,
        )
        changed = visit.services.projects.update(visit.actor.name, project.id, changes)
    except InvalidRequest as error:
        raise form.refused(error) from error
    return _tried(visit, changed)


def _form(project: Project | None, shown: Mapping[str, str]) -> Html:
    return Html(
        "supabase_form.html",
        {
            "project": project,
            "shown": dict(shown),
            "components": list(Component),
            "accesses": list(StorageAccess),
            "reader": READER,
            "reader_sql": supabase_reader_sql(new_secret()),
        },
    )


def _written(project: Project) -> dict[str, str]:
    settings = project.supabase
    if settings is None:
        raise NotFound("this is no Supabase project")
    return {
        "name": project.name,
        "verification": project.verification or "archive",
        "storage_access": settings.storage_access,
        "tags": "\n".join(f"{name}={value}" for name, value in project.tags.items()),
        **{TAKE + one: "true" for one in settings.components},
        **{OPTIONAL + one: "true" for one in settings.optional},
    }


def _after(given: Mapping[str, object], mark: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(mark) for name in given if name.startswith(mark))


def _tried(visit: Visit, project: Project) -> SeeOther:
    return SeeOther(f"/dashboard/projects/{project.id}/tests/{test_of(visit, project).id}")
