"""API keys: who may do what, made and revoked by admins."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import OneLine, RecordId
from chalicelib.api.routing import ADMIN_EVERYWHERE
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.record import Query
from chalicelib.services.access import NewKey

LATEST = 200


class KeyForm(BaseModel):
    """Say what a key may do; without a project it reaches all."""

    model_config = ConfigDict(extra="forbid")

    name: OneLine
    role: Role = Role.VIEWER
    project: Annotated[RecordId | None, Field()] = None


@page("GET /dashboard/keys", ADMIN_EVERYWHERE)
def show_keys(visit: Visit) -> Html:
    """List the keys."""
    return _keys(visit, None)


@page("POST /dashboard/keys", ADMIN_EVERYWHERE, shown_by=show_keys)
def add_key(visit: Visit, form: Form[KeyForm]) -> Html:
    """Make a key, and show its token this once; the page is never kept by a browser."""
    project = visit.call.project(form.model.project) if form.model.project else None
    new = NewKey(form.model.name, form.model.role, (project.id,) if project else None)
    # answered without a redirect, because the token must stand in no address and in no record
    _, token = visit.services.access.create(visit.actor.name, new)
    return _keys(visit, token)


@page("POST /dashboard/keys/{key_id}/revoke", ADMIN_EVERYWHERE, shown_by=show_keys)
def end_key(visit: Visit, key_id: str, form: Form[EmptyForm]) -> SeeOther:
    """End a key at once, and the sessions that were opened with it."""
    del form
    visit.services.access.revoke(visit.actor.name, key_id)
    return SeeOther("/dashboard/keys?notice=saved")


def _keys(visit: Visit, token: str | None) -> Html:
    found = visit.services.access.find(Query(ApiKey, limit=LATEST))
    return Html(
        "keys.html",
        {
            "keys": found.items,
            "token": token,
            "own": visit.actor.name,
            "roles": list(Role),
            "projects": visible_projects(visit),
        },
    )
