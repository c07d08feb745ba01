"""All backups: filtered, page by page, each with what may be done to it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.requests.fields import QueryString, RecordId
from chalicelib.api.routing import VIEWER
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.domain.backup import BackupType, Status, Trigger
from chalicelib.services.backups import BackupFilter

PAGE = 25


class HistoryQuery(QueryString):
    """Say which backups to show; an empty field of the form asks for nothing."""

    # a filter form sends its empty choices too, and they must not be refused
    project: RecordId | Annotated[str, Field(max_length=0)] | None = None
    status: Status | Annotated[str, Field(max_length=0)] | None = None
    type: BackupType | Annotated[str, Field(max_length=0)] | None = None
    trigger: Trigger | Annotated[str, Field(max_length=0)] | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    cursor: Annotated[str, Field(max_length=512)] | None = None

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that say something, as the address has them."""
        every = self.model_dump(mode="json", exclude={"cursor"})
        return {name: text for name, text in every.items() if text}


@page("GET /dashboard/backups/history", VIEWER)
def show_history(visit: Visit, query: HistoryQuery) -> Html:
    """List backups, newest first."""
    projects = visible_projects(visit)
    digest = cursors.filter_digest("history", query)
    found = visit.services.backups.find(
        _filter(visit, query), limit=PAGE, before_id=cursors.decode(query.cursor, digest)
    )
    following = cursors.encode(found.next_before_id, digest)
    return Html(
        "history.html",
        {
            "backups": found.items,
            "names": {project.id: project.name for project in projects},
            "projects": projects,
            "chosen": query.chosen,
            "following": urlencode({**query.chosen, "cursor": following}) if following else None,
            "is_first": query.cursor is None,
            "statuses": list(Status),
            "types": list(BackupType),
            "triggers": list(Trigger),
        },
    )


def _filter(visit: Visit, query: HistoryQuery) -> BackupFilter:
    # a hidden project is told the same as one that is not there
    if query.project:
        visit.call.project(query.project)
    return BackupFilter(
        project_id=query.project or None,
        status=Status(query.status) if query.status else None,
        type=BackupType(query.type) if query.type else None,
        trigger=Trigger(query.trigger) if query.trigger else None,
        text=query.q or None,
        projects=visit.actor.projects,
    )
