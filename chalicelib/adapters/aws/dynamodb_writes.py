"""The catalog's writes as DynamoDB requests, with the name and reason of each condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chalicelib.adapters.aws import dynamodb_items as items
from chalicelib.adapters.aws.dynamodb_table import PK, REVISION, SLOTS
from chalicelib.adapters.aws.service_errors import CODES, OUR_FAULT, Meaning, failure
from chalicelib.domain.errors import Conflict, HoldfastError, Internal, RevisionConflict
from chalicelib.domain.record import Insert, Put, Record, Remove, Replace, Write

Request = dict[str, Any]

MAX_WRITES: Final = 100
"""What TransactWriteItems takes at most."""

ID_IS_FREE: Final = "attribute_not_exists(#pk)"
"""Covers two inserts of one id: the second one loses, even when both come at once."""
REVISION_IS_OURS: Final = "#revision = :read"
"""Covers a change by somebody else since the record was read, and a record that is gone, since a
missing attribute equals nothing."""

_REFUSED: Final = "ConditionalCheckFailed"
_DONE: Final = "None"  # the word of the service for an item that did not stop the transaction


def check(writes: Sequence[Write]) -> None:
    """Refuse with Internal what no transaction takes."""
    if len(writes) > MAX_WRITES:
        raise Internal(
            f"a commit of {len(writes)} writes is larger than {MAX_WRITES}",
            hint="Split the commit: what belongs together is a record with its events.",
        )
    if len({(write.record.kind, write.record.id) for write in writes}) < len(writes):
        raise Internal(
            "a commit names one record twice", hint="Write each record once in a commit."
        )


def transact_item(table: str, write: Write) -> Request:
    """Return one action of a transaction."""
    record = write.record
    match write:
        case Insert():
            condition = {"ConditionExpression": ID_IS_FREE, "ExpressionAttributeNames": {"#pk": PK}}
            return {"Put": {"TableName": table, "Item": _item(record, 1), **condition}}
        case Replace():
            item = _item(record, record.revision + 1)
            return {"Put": {"TableName": table, "Item": item, **_at_revision(record)}}
        case Remove():
            key = items.key(type(record), record.id)
            return {"Delete": {"TableName": table, "Key": key, **_at_revision(record)}}
        case Put():
            return {"Update": update_request(table, record)}


def update_request(table: str, record: Record) -> Request:
    """Return the request that stores a record whatever is there, and counts its revision on."""
    values = items.attributes(record)
    absent = [slot for slot in SLOTS if slot not in values]
    sets = [f"#{name} = :{name}" for name in values]
    sets.append("#revision = if_not_exists(#revision, :zero) + :one")
    removes = f" REMOVE {', '.join(f'#{name}' for name in absent)}" if absent else ""
    return {
        "TableName": table,
        "Key": items.key(type(record), record.id),
        "UpdateExpression": f"SET {', '.join(sets)}{removes}",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*values, *absent, REVISION)},
        "ExpressionAttributeValues": {
            **{f":{name}": value for name, value in values.items()},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        },
    }


def canceled(writes: Sequence[Write], codes: Sequence[str], doing: str) -> HoldfastError:
    """Return the error for a cancelled transaction out of its codes, one per write.

    A failed condition decides, whatever else came up: repeating cannot help. Otherwise the commit
    met another one, or a full partition, and may be repeated.
    """
    for write, code in zip(writes, codes, strict=False):
        if code == _REFUSED:
            return refused(write)
    return failure(_worst([CODES.get(code, OUR_FAULT) for code in codes if code != _DONE]), doing)


def refused(write: Write) -> Conflict:
    """Return the error for a write whose condition does not hold."""
    record = write.record
    if isinstance(write, Insert):
        return Conflict(f"{record.kind} {record.id} exists already")
    return RevisionConflict(
        f"{record.kind} {record.id} is not at revision {record.revision} any more"
    )


def _worst(meanings: Sequence[Meaning]) -> Meaning:
    lasting = (meaning for meaning in meanings if not meaning.is_transient)
    return next(lasting, meanings[0] if meanings else OUR_FAULT)


def _item(record: Record, revision: int) -> items.Item:
    return {
        **items.key(type(record), record.id),
        REVISION: {"N": str(revision)},
        **items.attributes(record),
    }


def _at_revision(record: Record) -> Request:
    return {
        "ConditionExpression": REVISION_IS_OURS,
        "ExpressionAttributeNames": {"#revision": REVISION},
        "ExpressionAttributeValues": {":read": {"N": str(record.revision)}},
    }
