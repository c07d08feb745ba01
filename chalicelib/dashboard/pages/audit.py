"""The audit log: who did what, when, to what."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.requests.fields import QueryString, RecordId
from chalicelib.api.routing import ADMIN_EVERYWHERE
from chalicelib.dashboard.filter_fields import Day, Nothing, begin_of, end_of
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.services.audit_log import AuditFilter

PAGE: Final = 50
GROUPS: Final = (
    "backup",
    "channel",
    "key",
    "link",
    "project",
    "restore",
    "retention",
    "schedule",
    "session",
)
"""First parts of actions, to choose from; whole actions can be typed."""


class AuditQuery(QueryString):
    """Say whose doings to show; an empty field of the form asks for nothing."""

    who: Annotated[str, Field(max_length=200)] = ""
    what: Annotated[str, Field(max_length=200)] = ""
    project: RecordId | Nothing = ""
    subject: RecordId | Nothing = ""
    since: Day | Nothing | None = None
    until: Day | Nothing | None = None
    cursor: Annotated[str, Field(max_length=512)] | None = None


@page("GET /dashboard/audit", ADMIN_EVERYWHERE)
def show_audit(visit: Visit, query: AuditQuery) -> Html:
    """List what was done, newest first."""
    digest = cursors.filter_digest("audit page", query)
    found = visit.services.audit_log.find(
        _filter(visit, query), limit=PAGE, before_id=cursors.decode(query.cursor, digest)
    )
    following = cursors.encode(found.next_before_id, digest)
    said = query.model_dump(mode="json", exclude={"cursor"})
    chosen = {name: text for name, text in said.items() if text}
    return Html(
        "audit.html",
        {
            "events": found.items,
            "chosen": chosen,
            "following": urlencode({**chosen, "cursor": following}) if following else None,
            "is_first": query.cursor is None,
            "projects": visible_projects(visit),
            "groups": GROUPS,
        },
    )


def _filter(visit: Visit, query: AuditQuery) -> AuditFilter:
    # days are those of the visitor's clock
    return AuditFilter(
        project_id=query.project or None,
        subject_id=query.subject or None,
        who=query.who.strip() or None,
        what=query.what.strip() or None,
        since=begin_of(query.since, visit.zone),
        until=end_of(query.until, visit.zone),
    )
