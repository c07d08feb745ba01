"""Records as items of the table, both ways, without I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from chalicelib.adapters.aws.dynamodb_table import (
    DOCUMENT,
    ID,
    KIND,
    PK,
    REVISION,
    SLOTS,
    TTL_ATTRIBUTE,
)
from chalicelib.domain.errors import Internal, StorageFailed
from chalicelib.domain.idempotency import Idempotency
from chalicelib.domain.link import Link
from chalicelib.domain.record import Record

R = TypeVar("R", bound=Record)
Item = dict[str, Any]

MAX_ID_LETTERS: Final = 128
"""As the domain has it; longer ones could pass the 1,024 bytes of a sort key."""
MAX_DOCUMENT_BYTES: Final = 390_000
"""An item takes 400 KB with its names, keys and index values, which stay below 10,000 bytes."""
MAX_VALUE_BYTES: Final = 1_000
"""A key attribute takes 2,048 bytes; longer index values go in by their digest."""
BROOM_GRACE: Final = timedelta(days=30)
"""Time to live strikes this long after the sweeper should have: it never gets ahead of it."""


def key(kind: type[Record], record_id: str) -> Item:
    """Return the primary key of a record."""
    return {PK: {"S": f"{kind.kind}#{record_id}"}}


def attributes(record: Record) -> Item:
    """Return what is stored beside key and revision; Internal when it cannot be an item."""
    return {
        KIND: {"S": record.kind},
        ID: {"S": record.id},
        DOCUMENT: {"S": _document(record)},
        **_slots(record),
        **_time_to_live(record),
    }


def record_of(kind: type[R], item: Mapping[str, Any]) -> R:
    """Return the record in an item; StorageFailed when it is not of this version's form."""
    try:
        record = kind.model_validate_json(item[DOCUMENT]["S"])
        return record.model_copy(update={"revision": int(item[REVISION]["N"])})
    except (ValidationError, KeyError, ValueError) as error:
        name = item.get(PK, {}).get("S", kind.kind)
        raise StorageFailed(
            f"the stored {name} cannot be read",
            hint="It was written by another version of Holdfast; use that version.",
        ) from error


def slot_of(kind: type[Record], field: str) -> str:
    """Return the attribute by which this kind is listed by this field."""
    return SLOTS[kind.indexes.index(field)]


def slot_value(kind: type[Record], field: str, value: str) -> Item:
    """Return an index value, which no other kind or field can have."""
    data = value.encode()
    text = value if len(data) <= MAX_VALUE_BYTES else hashlib.sha256(data).hexdigest()
    return {"S": f"{kind.kind}#{field}#{text}"}


def is_listed(record: Record, index: tuple[str, str] | None) -> bool:
    """Tell whether a record belongs into a list; an index may still name it where it was."""
    if index is None:
        return True
    value = getattr(record, index[0])
    return value is not None and str(value) == index[1]


def _slots(record: Record) -> Item:
    values = {field: getattr(record, field) for field in record.indexes}
    return {
        slot_of(type(record), field): slot_value(type(record), field, str(value))
        for field, value in values.items()
        if value is not None
    }


def _time_to_live(record: Record) -> Item:
    # Only records whose end is known when they are written: all others leave by a decision.
    match record:
        case Link(expires_at=end) | Idempotency(created_at=end):
            return {TTL_ATTRIBUTE: {"N": str(int((end + BROOM_GRACE).timestamp()))}}
        case _:
            return {}


def _document(record: Record) -> str:
    # The revision is an attribute of its own, so that it can be compared.
    document = record.model_dump_json(exclude={"revision"})
    size_bytes = len(document.encode())
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise Internal(
            f"the {record.kind} {record.id} is too large to be stored ({size_bytes} bytes)",
            hint="Ask for less at once; large results do not fit into the catalog.",
        )
    return document
