"""What callers may ask of the audit log and of statistics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.api.requests.fields import Instant, PageQuery, RecordId


class AuditQuery(PageQuery):
    """Ask for audit events; `from` counts, `to` does not.

    `what` is an action (`backup.deleted`) or the first part of one (`backup`); `who` an actor as
    events show it, as `key:` and the id of a key.
    """

    project: RecordId | None = None
    subject: RecordId | None = None
    who: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    what: Annotated[str, Field(pattern=r"^[a-z-]{1,40}(\.[a-z-]{1,40})?$")] | None = None
    since: Annotated[Instant | None, Field(alias="from")] = None
    until: Annotated[Instant | None, Field(alias="to")] = None


class StatsQuery(PageQuery):
    """Ask for statistics of the last `days` days, today included; `project` shows each day."""

    project: RecordId | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
