"""A project as its two forms hold it: a database anywhere, or a Supabase project.

Fields become requests of the API here, so that its rules are the only ones. What was typed is shown
again after a mistake, but for its secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from chalicelib.api.connections import new_connection
from chalicelib.api.requests.fields import ONE_LINE, OneLine, PlatformKey
from chalicelib.api.requests.projects import ProjectCreate, ProjectPatch
from chalicelib.dashboard.forms import Typed, secret
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import Asked, Component
from chalicelib.domain.connection import Endpoint, SslMode, Text, parse_url, url_of
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.supabase import StorageAccess
from chalicelib.domain.supabase_url import SupabasePlace, place_of, supabase_place

TAKE: Final = "take."
OPTIONAL: Final = "optional."
"""Browsers send one field for each box that is ticked; these begin so."""

_IN_URL: Final = frozenset(Endpoint.model_fields)


class NamedFields(BaseModel):
    """Hold what is typed of every project."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[SecretStr, Field(max_length=4096)] | None = None
    password: Annotated[SecretStr, Field(max_length=1024)] | None = None
    name: OneLine | None = None
    verification: Asked | None = None
    tags: TagLines = Field(default_factory=dict)

    @property
    def said(self) -> dict[str, Any]:
        """What was said, as requests of the API say it."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def changes(self) -> ProjectPatch:
        """What was typed, as a change of a project."""
        return ProjectPatch(**self.said)


class ProjectFields(NamedFields):
    """Hold what was typed of a database; a URL goes before the fields, but for its password."""

    host: Text | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: Text | None = None
    user: Text | None = None
    sslmode: SslMode | None = None
    sslrootcert: Annotated[str, Field(max_length=1024, pattern=ONE_LINE)] | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What was said, without the fields that the URL says too."""
        left_out = _IN_URL if self.url is not None else frozenset()
        return {name: value for name, value in super().said.items() if name not in left_out}

    @property
    def body(self) -> ProjectCreate:
        """What was typed, as a new project."""
        return ProjectCreate(**self.said)

    @property
    def changes(self) -> ProjectPatch:
        """What was typed, as a change of a project; a root certificate left empty is taken away."""
        cleared = {"sslrootcert": None} if self.url is None and self.sslrootcert is None else {}
        return ProjectPatch(**self.said, **cleared)

    @property
    def supabase(self) -> SupabasePlace | None:
        """The Supabase project whose URL, page or host was typed; None where it is another's."""
        place = supabase_place(secret(self.url))
        return place if place is not None else place_of(new_connection(self.body))


class SupabaseFields(NamedFields):
    """Hold what was typed of a Supabase project; keys left empty stay as they are."""

    access_token: PlatformKey | None = None
    storage_key: PlatformKey | None = None
    storage_access: StorageAccess = StorageAccess.REST
    components: tuple[Component, ...] = ()
    optional: tuple[Component, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _ticked(cls, given: Any) -> Any:
        rest = {name: text for name, text in given.items() if not name.startswith((TAKE, OPTIONAL))}
        return {**rest, "components": _after(given, TAKE), "optional": _after(given, OPTIONAL)}

    @property
    def body(self) -> ProjectCreate:
        """What was typed, as a new project."""
        return ProjectCreate(kind=ProjectKind.SUPABASE, **self.said)


def taken_apart(typed: Typed) -> Typed:
    """Return what was typed of a database with its URL in the fields, as scripts put it there."""
    endpoint = _endpoint(typed)
    if endpoint is None:
        return typed
    said = {name: str(value) for name, value in endpoint.model_dump(exclude_none=True).items()}
    return replace(typed, values={**typed.values, **said})


def without_password(typed: Typed) -> str:
    """Return what was typed as the place of a Supabase project, or nothing where none is seen."""
    try:
        place = supabase_place(typed.values.get("url", ""))
    except InvalidRequest:
        place = None
    if place is not None:
        return place.text
    endpoint = _endpoint(typed)
    return url_of(endpoint) if endpoint is not None else ""


def named(project: Project) -> dict[str, str]:
    """Return what both forms show of a project before anybody typed."""
    return {
        "name": project.name,
        "verification": project.verification or "archive",
        "tags": "\n".join(f"{name}={value}" for name, value in project.tags.items()),
    }


def written(project: Project) -> dict[str, str]:
    """Return what the form of a database shows of a project; never its password."""
    endpoint = project.endpoint.model_dump(mode="json")
    return {**named(project), **{name: str(value or "") for name, value in endpoint.items()}}


def _after(given: Mapping[str, object], mark: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(mark) for name in given if name.startswith(mark))


def _endpoint(typed: Typed) -> Endpoint | None:
    try:
        return parse_url(typed.values.get("url", "")).endpoint
    except InvalidRequest:
        # not taken apart, and not shown: any part of it may be the password
        return None
