"""A remembered request: the same key and body give the same result, another body is a conflict."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar

from chalicelib.domain.errors import Conflict
from chalicelib.domain.record import Moment, Record


class Idempotency(Record):
    """Tie a caller's key to what its first request made; listed by the day it was made."""

    kind: ClassVar[str] = "idempotency"
    indexes: ClassVar[tuple[str, ...]] = ("day",)

    body_sha256: str
    result_id: str
    created_at: Moment
    day: str


def idempotency_id(actor: str, key: str) -> str:
    """Return the id under which a caller's key is kept; callers never share keys."""
    return hashlib.sha256(f"{actor}\x00{key}".encode()).hexdigest()


def body_digest(body: str) -> str:
    """Return the digest by which two bodies count as the same."""
    return hashlib.sha256(body.encode()).hexdigest()


def day_of(moment: datetime) -> str:
    """Return the index value of a moment."""
    return moment.strftime("%Y-%m-%d")


def same_request(remembered: Idempotency, body_sha256: str) -> str:
    """Return the first request's result; Conflict when this is another request."""
    if remembered.body_sha256 != body_sha256:
        raise Conflict(
            "this idempotency key was used with another body",
            hint="Send the same body again, or use a new key for a new backup.",
        )
    return remembered.result_id
