"""Links: make, list, revoke, redeem."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.api import cursors
from chalicelib.api.requests.access import LinkRequest
from chalicelib.api.requests.fields import PageQuery
from chalicelib.api.routing import (
    FOUND,
    NO_CONTENT,
    OPERATOR,
    PUBLIC,
    VIEWER,
    Call,
    Redirect,
    Success,
    route,
)
from chalicelib.api.views.access import LinkPage, LinkView, NewLinkView
from chalicelib.domain.backup import Backup
from chalicelib.domain.link import Link
from chalicelib.domain.record import Query
from chalicelib.services.links import NewLink


@route("POST /v1/backups/{backup_id}/links", OPERATOR, Success(201), starts_work=True)
def create_link(call: Call, backup: Backup, body: LinkRequest) -> NewLinkView:
    """Make a download link for a completed backup.

    The token is shown this once. The first use opens 24 hours in which the same link works again,
    so that a broken download can resume.
    """
    new = NewLink(
        artefact=body.artefact,
        lifetime=timedelta(seconds=body.lifetime_s),
        max_uses=body.max_uses,
    )
    link, token = call.services.links.create(call.actor.name, backup, new)
    return NewLinkView(
        id=link.id,
        url=f"{call.services.settings.public_url.rstrip('/')}/downloads/{token}",
        token=token,
        expires_at=link.expires_at,
        artefact=link.artefact,
        max_uses=link.max_uses,
    )


@route("GET /v1/backups/{backup_id}/links", VIEWER)
def list_links(call: Call, backup: Backup, query: PageQuery) -> LinkPage:
    """List the links of a backup, newest first."""
    digest = cursors.filter_digest(f"links of {backup.id}", query)
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.links.find(backup.id, Query(Link, before_id=before_id, limit=query.limit))
    return LinkPage(
        items=tuple(LinkView.of(link) for link in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("DELETE /v1/backups/{backup_id}/links/{link_id}", OPERATOR, NO_CONTENT)
def revoke_link(call: Call, backup: Backup, link_id: str) -> None:
    """End a link at once."""
    call.services.links.revoke(call.actor.name, backup.id, link_id)


@route("GET /downloads/{token}", PUBLIC, FOUND)
def download(call: Call, token: str) -> Redirect:
    """Go to the artefact behind a link."""
    return Redirect(call.services.redeemer.redeem(token))


@route("POST /downloads/{token}", PUBLIC, FOUND)
def redeem_link(call: Call, token: str) -> Redirect:
    """Go to the artefact behind a link, from a page that no preview should follow."""
    return Redirect(call.services.redeemer.redeem(token))
