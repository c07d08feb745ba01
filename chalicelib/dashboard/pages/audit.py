"""The audit log: who did what, when, to what."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.requests.fields import QueryString
from chalicelib.api.routing import ADMIN_EVERYWHERE
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.services.audit_log import AuditFilter

PAGE: Final = 50


class AuditQuery(QueryString):
    """Say whose doings to show; an empty field of the form asks for nothing."""

    who: Annotated[str, Field(max_length=200)] = ""
    what: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str, Field(max_length=512)] | None = None


@page("GET /dashboard/audit", ADMIN_EVERYWHERE)
def show_audit(visit: Visit, query: AuditQuery) -> Html:
    """List what was done, newest first."""
    digest = cursors.filter_digest("audit page", query)
    wanted = AuditFilter(who=query.who or None, what=query.what or None)
    found = visit.services.audit_log.find(
        wanted, limit=PAGE, before_id=cursors.decode(query.cursor, digest)
    )
    following = cursors.encode(found.next_before_id, digest)
    chosen = {name: text for name, text in (("who", query.who), ("what", query.what)) if text}
    return Html(
        "audit.html",
        {
            "events": found.items,
            "chosen": chosen,
            "following": urlencode({**chosen, "cursor": following}) if following else None,
            "is_first": query.cursor is None,
        },
    )
