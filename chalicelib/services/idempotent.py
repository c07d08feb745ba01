"""Remember which request a caller's idempotency key stood for."""

from __future__ import annotations

from chalicelib.domain.errors import Conflict
from chalicelib.domain.idempotency import (
    Idempotency,
    body_digest,
    day_of,
    idempotency_id,
    same_request,
)
from chalicelib.services.ledger import Ledger


def remembered(
    ledger: Ledger, actor: str, key: str | None, body: str, result_id: str
) -> tuple[Idempotency, ...]:
    """Return the record to insert with the result, none without a key."""
    if key is None:
        return ()
    now = ledger.clock.now()
    return (
        Idempotency(
            id=idempotency_id(actor, key),
            body_sha256=body_digest(body),
            result_id=result_id,
            created_at=now,
            day=day_of(now),
        ),
    )


def earlier(ledger: Ledger, new: tuple[Idempotency, ...], kind: str) -> str:
    """Return the id of the first request's result; Conflict when this is another request."""
    if not new:
        raise Conflict(f"a {kind} of this id exists already")
    first = ledger.catalog.get(Idempotency, new[0].id)
    return same_request(first, new[0].body_sha256)
