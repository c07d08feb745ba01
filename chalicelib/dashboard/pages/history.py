"""All backups: filtered, sorted, page by page, each with what may be done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.requests.fields import QueryString, RecordId
from chalicelib.api.routing import VIEWER
from chalicelib.dashboard.filter_fields import Day, Nothing, begin_of, end_of
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.domain.backup import Backup, BackupType, Status, Trigger
from chalicelib.services.backups import BackupFilter

HISTORY: Final = "/dashboard/backups/history"
PAGE: Final = 25
SORTED: Final = 500
"""A list is kept by time alone: another order reads all first, so there has to be an end to it."""


class Sort(StrEnum):
    """Say what comes first."""

    NEWEST = "newest"
    LARGEST = "largest"
    SLOWEST = "slowest"
    NAME = "name"


KEYS: Final[dict[Sort, Callable[[Backup], tuple[float, str]]]] = {
    Sort.LARGEST: lambda backup: (-(backup.stored_bytes or 0), backup.id),
    Sort.SLOWEST: lambda backup: (-(backup.duration_s or 0.0), backup.id),
    Sort.NAME: lambda backup: (0.0, backup.name.casefold()),
}


class HistoryQuery(QueryString):
    """Say which backups to show; an empty field of the form asks for nothing. Days are UTC."""

    project: RecordId | Nothing | None = None
    status: Status | Nothing | None = None
    type: BackupType | Nothing | None = None
    trigger: Trigger | Nothing | None = None
    since: Day | Nothing | None = None
    until: Day | Nothing | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    sort: Sort | Nothing = Sort.NEWEST
    page: Annotated[int, Field(ge=1, le=SORTED // PAGE)] = 1
    cursor: Annotated[str, Field(max_length=512)] | None = None

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that say something, as the address has them."""
        every = self.model_dump(mode="json", exclude={"cursor", "page"})
        if self.order is Sort.NEWEST:
            del every["sort"]
        return {name: text for name, text in every.items() if text}

    @property
    def order(self) -> Sort:
        """What comes first."""
        return Sort(self.sort) if self.sort else Sort.NEWEST


@dataclass(frozen=True)
class Listing:
    """Hold one page of backups, and how the address of the next one differs; None: that was all.

    `is_partial`: older backups were left out, for want of time to sort them.
    """

    backups: Sequence[Backup]
    following: dict[str, str] | None
    is_partial: bool = False


@page("GET /dashboard/backups/history", VIEWER)
def show_history(visit: Visit, query: HistoryQuery) -> Html:
    """List backups."""
    projects = visible_projects(visit)
    found = _listing(visit, query)
    chosen = query.chosen
    return Html(
        "history.html",
        {
            "backups": found.backups,
            "names": {project.id: project.name for project in projects},
            "projects": projects,
            "chosen": chosen,
            "order": query.order.value,
            "following": urlencode(chosen | found.following) if found.following else None,
            "is_first": query.cursor is None and query.page == 1,
            "is_partial": found.is_partial,
            "sorted_of": SORTED,
            "back": _address(query),
            "statuses": list(Status),
            "types": list(BackupType),
            "triggers": list(Trigger),
            "by": lambda sort: urlencode({**chosen, "sort": sort}),
        },
    )


def _address(query: HistoryQuery) -> str:
    place = {"cursor": query.cursor, "page": str(query.page) if query.page > 1 else None}
    named = {**query.chosen, **{name: text for name, text in place.items() if text}}
    return f"{HISTORY}?{urlencode(named)}" if named else HISTORY


def _listing(visit: Visit, query: HistoryQuery) -> Listing:
    wanted = _filter(visit, query)
    if query.order is not Sort.NEWEST:
        found = visit.services.backups.find(wanted, limit=SORTED, before_id=None)
        return _sorted(found.items, query, is_partial=found.next_before_id is not None)
    digest = cursors.filter_digest("history", query)
    before_id = cursors.decode(query.cursor, digest)
    found = visit.services.backups.find(wanted, limit=PAGE, before_id=before_id)
    following = cursors.encode(found.next_before_id, digest)
    return Listing(found.items, {"cursor": following} if following else None)


def _sorted(backups: Sequence[Backup], query: HistoryQuery, *, is_partial: bool) -> Listing:
    end = query.page * PAGE
    shown = sorted(backups, key=KEYS[query.order])[end - PAGE : end]
    following = {"page": str(query.page + 1)} if len(backups) > end else None
    return Listing(shown, following, is_partial)


def _filter(visit: Visit, query: HistoryQuery) -> BackupFilter:
    # a hidden project is told the same as one that is not there
    if query.project:
        visit.call.project(query.project)
    return BackupFilter(
        project_id=query.project or None,
        status=Status(query.status) if query.status else None,
        type=BackupType(query.type) if query.type else None,
        trigger=Trigger(query.trigger) if query.trigger else None,
        since=begin_of(query.since, UTC),
        until=end_of(query.until, UTC),
        text=query.q or None,
        projects=visit.actor.projects,
    )
