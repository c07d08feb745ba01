"""The audit log, as administrators read it; it is only ever written with the moves it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.record import Page, Query, id_floor
from chalicelib.ports import Catalog


@dataclass(frozen=True)
class AuditFilter:
    """Say which events to list; `what` is an action or the first part of one, as `backup`.

    `projects` is the sight of who asks: None sees all, events of no project included.
    """

    project_id: str | None = None
    subject_id: str | None = None
    who: str | None = None
    what: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    projects: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AuditLog:
    """List what was done."""

    catalog: Catalog

    def find(self, wanted: AuditFilter, *, limit: int, before_id: str | None) -> Page[AuditEvent]:
        """Return one page of events, newest first; short pages may have a cursor."""
        floors = [before_id] if before_id else []
        if wanted.until is not None:
            # ids begin with their time, so that a moment bounds a list as an id does
            floors.append(id_floor(wanted.until))
        return self.catalog.find(
            Query(
                AuditEvent,
                index=_index(wanted),
                after_id=id_floor(wanted.since) if wanted.since else None,
                before_id=min(floors) if floors else None,
                limit=limit,
                keep=lambda event: _matches(wanted, event),
            )
        )


def _index(wanted: AuditFilter) -> tuple[str, str] | None:
    if wanted.subject_id is not None:
        return ("subject_id", wanted.subject_id)
    if wanted.project_id is not None:
        return ("project_id", wanted.project_id)
    return None


def _matches(wanted: AuditFilter, event: AuditEvent) -> bool:
    if wanted.projects is not None and event.project_id not in wanted.projects:
        return False
    if wanted.what is not None and wanted.what not in {event.action, event.action.split(".")[0]}:
        return False
    return wanted.who in {None, event.actor} and wanted.project_id in {None, event.project_id}
