"""API keys: make, list, revoke."""

from __future__ import annotations

from chalicelib.api import cursors
from chalicelib.api.requests.access import KeyRequest
from chalicelib.api.requests.fields import PageQuery
from chalicelib.api.routing import ADMIN_EVERYWHERE, NO_CONTENT, Call, Success, route
from chalicelib.api.views.access import KeyPage, KeyView, NewKeyView
from chalicelib.domain.access import ApiKey
from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.record import Query
from chalicelib.services.access import NewKey


@route("POST /v1/keys", ADMIN_EVERYWHERE, Success(201))
def create_key(call: Call, body: KeyRequest) -> NewKeyView:
    """Make an API key; its token is shown this once."""
    if body.expires_at is not None and body.expires_at <= call.services.ledger.clock.now():
        raise InvalidRequest("the key would have expired already", field="expires_at")
    # A key for a mistyped project would look fine and see nothing.
    for project_id in body.projects or ():
        _require_project(call, project_id)
    new = NewKey(body.name, body.role, body.projects, body.expires_at)
    return NewKeyView.issued(*call.services.access.create(call.actor.name, new))


@route("GET /v1/keys", ADMIN_EVERYWHERE)
def list_keys(call: Call, query: PageQuery) -> KeyPage:
    """List API keys, newest first, revoked ones included."""
    digest = cursors.filter_digest("keys", query)
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.access.find(Query(ApiKey, before_id=before_id, limit=query.limit))
    return KeyPage(
        items=tuple(KeyView.of(key) for key in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("DELETE /v1/keys/{key_id}", ADMIN_EVERYWHERE, NO_CONTENT)
def revoke_key(call: Call, key_id: str) -> None:
    """End an API key at once."""
    call.services.access.revoke(call.actor.name, key_id)


def _require_project(call: Call, project_id: str) -> None:
    try:
        call.project(project_id)
    except NotFound as error:
        raise InvalidRequest("there is no such project", field="projects") from error
