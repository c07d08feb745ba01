"""What a project is made of, out of requests: a database anywhere, or a Supabase project.

The one place that knows how a request becomes a project, for the API and for the pages alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chalicelib.api.connections import changed_connection, checked, new_connection
from chalicelib.api.requests.projects import (
    NOT_SUPABASE,
    PLATFORM_NAMES,
    ConnectionFields,
    PlatformFields,
    ProjectCreate,
    ProjectPatch,
)
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.supabase import API_URL, Reached, SupabaseSettings
from chalicelib.domain.supabase_url import SupabasePlace, direct_endpoint, supabase_place
from chalicelib.services.projects import NewProject, ProjectChanges

MAX_NAME: Final = 200
"""The longest name of the domain; host and database may have 255 letters each."""


def new_project(body: ProjectCreate) -> NewProject:
    """Return the project that a request describes; one without a name is called by its place."""
    connection, supabase = _new_source(body)
    endpoint = connection.endpoint
    usual = supabase.ref if supabase else f"{endpoint.database}@{endpoint.host}"[:MAX_NAME]
    return NewProject(
        name=body.name or usual,
        connection=connection,
        tags=body.tags,
        verification=body.verification,
        assertions=body.stated or (),
        retention=body.retention,
        supabase=supabase,
        keys=body.platform_keys,
    )


def project_changes(project: Project, body: ProjectPatch) -> ProjectChanges:
    """Return all changes of a project that a request asks for."""
    return replace(
        _changed_source(project, body),
        name=body.name,
        tags=body.tags,
        verification=body.verification,
        assertions=body.stated,
        retention=body.retention,
        # a part of the endpoint is gone from that already
        cleared=body.cleared - ConnectionFields.model_fields.keys(),
    )


def _new_source(body: ProjectCreate) -> tuple[Connection, SupabaseSettings | None]:
    if body.kind is ProjectKind.POSTGRESQL:
        return new_connection(body), None
    place = _place(body)
    endpoint = place.endpoint
    if body.user is not None:
        endpoint = endpoint.model_copy(update={"user": body.user})
    settings = SupabaseSettings.model_validate(
        {
            "ref": place.ref,
            "api_url": body.api_url or API_URL,
            "reached": place.reached,
            **body.platform_settings,
        }
    )
    return checked(Connection(endpoint, _password(body, place))), settings


def _changed_source(project: Project, body: ProjectPatch) -> ProjectChanges:
    if project.supabase is None:
        if body.platform_fields or body.cleared & PLATFORM_NAMES:
            raise InvalidRequest(NOT_SUPABASE, field="body")
        return changed_connection(project.endpoint, body)
    changes, reached = _moved(project, project.supabase, body)
    update = {**body.platform_settings, "reached": reached}
    changed = SupabaseSettings.model_validate(project.supabase.model_dump() | update)
    return replace(changes, supabase=changed, keys=body.platform_keys)


def _moved(
    project: Project, supabase: SupabaseSettings, body: ProjectPatch
) -> tuple[ProjectChanges, Reached]:
    pasted = body.url.get_secret_value() if body.url is not None else None
    place = supabase_place(pasted) if pasted is not None else None
    if place is not None:
        _same(place.ref, supabase.ref)
        connection = checked(Connection(place.endpoint, _password(body, place)))
        changes = ProjectChanges(endpoint=place.endpoint, password=connection.password or None)
        return changes, place.reached
    changes = changed_connection(project.endpoint, body)
    # a form sends every field back; only what differs says that the project moved
    is_elsewhere = _address(changes.endpoint or project.endpoint) != _address(project.endpoint)
    return changes, Reached.GIVEN if is_elsewhere else supabase.reached


def _password(body: PlatformFields, place: SupabasePlace) -> str:
    return body.password.get_secret_value() if body.password else place.password


def _address(endpoint: Endpoint) -> tuple[str, int, str]:
    return endpoint.host, endpoint.port, endpoint.database


def _place(body: ProjectCreate) -> SupabasePlace:
    if body.url is None:
        ref = body.ref or ""
        return SupabasePlace(ref, Reached.RESOLVED, direct_endpoint(ref))
    place = supabase_place(body.url.get_secret_value())
    if place is not None:
        _same(place.ref, body.ref or place.ref)
        return place
    if body.ref is None:
        raise InvalidRequest(
            "the URL is none of Supabase's, and no reference was given",
            hint="Give its reference, or a URL that its dashboard shows; beside ref, any URL goes.",
            field="url",
        )
    given = new_connection(body)
    return SupabasePlace(body.ref, Reached.GIVEN, given.endpoint, given.password)


def _same(pasted: str, known: str) -> None:
    if pasted != known:
        raise InvalidRequest(
            "the URL is of another Supabase project",
            hint="Give a URL of this project, or create another project for the other one.",
            field="url",
        )
