"""Cursors: where a list goes on, tied to the list and filter they came from.

A cursor grants nothing, since every page is filtered by the caller's own sight again; so it needs
no signature, only a strict form.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.domain.errors import InvalidRequest


class Position(BaseModel):
    """Name the record a page ended before, and the filter it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    before_id: Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]
    filter: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


def filter_digest(name: str, query: BaseModel) -> str:
    """Return what two pages of one list have in common: all but the page itself."""
    chosen = query.model_dump(mode="json", by_alias=True, exclude={"cursor", "limit"})
    text = json.dumps([name, chosen], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode(before_id: str | None, digest: str) -> str | None:
    """Return the cursor of the next page; None when there is none."""
    if before_id is None:
        return None
    position = Position(before_id=before_id, filter=digest)
    # Without padding, so that the cursor needs no quoting in a query.
    return urlsafe_b64encode(position.model_dump_json().encode()).decode().rstrip("=")


def decode(cursor: str | None, digest: str) -> str | None:
    """Return the id a page starts before; InvalidRequest for a cursor of another list."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = Position.model_validate_json(urlsafe_b64decode(padded.encode("ascii")))
    except (ValidationError, ValueError) as error:
        raise _refused("the cursor is not one of ours") from error
    if position.filter != digest:
        raise _refused("the cursor belongs to another list or filter")
    return position.before_id


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(
        message, hint="Pass next_cursor of the page before, with the same filter.", field="cursor"
    )
