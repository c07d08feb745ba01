"""Who did what, and what the world is told of it."""

from __future__ import annotations

import json
from typing import ClassVar, Final

from chalicelib.domain.record import Id, Moment, Record

MAX_VALUE: Final = 1000
UNTOLD: Final = frozenset({"revision", "updated_at"})
"""Fields that every change changes, so that they tell nothing."""


class AuditEvent(Record):
    """Remember one change: append only, without secrets.

    `before` and `after` hold the fields that a change touched, as JSON.
    """

    kind: ClassVar[str] = "audit"
    indexes: ClassVar[tuple[str, ...]] = ("subject_id", "project_id")

    at: Moment
    actor: str
    action: str
    subject_id: Id
    project_id: str = ""
    details: dict[str, str] = {}
    before: dict[str, str] = {}
    after: dict[str, str] = {}


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


def changed_fields(before: Record, after: Record) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields that differ, as they were and as they are, each value cut at MAX_VALUE.

    Records hold no secrets, only their names; that a secret changed its owner must say itself.
    """
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    names = [name for name in old if name not in UNTOLD and old[name] != new[name]]
    return _told(old, names), _told(new, names)


def _told(values: dict[str, object], names: list[str]) -> dict[str, str]:
    return {name: json.dumps(values[name], ensure_ascii=False)[:MAX_VALUE] for name in names}
