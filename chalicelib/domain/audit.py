"""Who did what, and what the world is told of it."""

from __future__ import annotations

from typing import ClassVar

from chalicelib.domain.record import Id, Moment, Record


class AuditEvent(Record):
    """Remember one change: append only, without secrets."""

    kind: ClassVar[str] = "audit"
    indexes: ClassVar[tuple[str, ...]] = ("subject_id", "project_id")

    at: Moment
    actor: str
    action: str
    subject_id: Id
    project_id: str = ""
    details: dict[str, str] = {}


class Notice(Record):
    """Wait in the outbox until it is delivered; written with the move it speaks of."""

    kind: ClassVar[str] = "notice"
    indexes: ClassVar[tuple[str, ...]] = ("state",)

    at: Moment
    event: str
    subject_id: Id
    project_id: str
    body: dict[str, str] = {}
    state: str = "waiting"
    tries: int = 0
