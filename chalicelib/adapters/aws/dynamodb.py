"""The catalog on DynamoDB: one table, described in `dynamodb_table`.

Decided writes are transactions, also single ones: they carry a token, by which the service itself
recognises a repeated commit that has landed. Lists read the ids from an index and then the records
themselves, consistently: a list may lag in what it names, never in what it says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from chalicelib.adapters.aws import dynamodb_items as items
from chalicelib.adapters.aws import dynamodb_writes
from chalicelib.adapters.aws.dynamodb_table import BY_KIND, BY_SLOT, ID, KIND
from chalicelib.adapters.aws.service_errors import (
    BUSY,
    FOREIGN,
    ask,
    failure,
    reasons_of,
    translated,
)
from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.record import MAX_SCAN, Page, Put, Query, Record, Write

R = TypeVar("R", bound=Record)
Request = dict[str, Any]

BATCH: Final = 100
"""Keys that BatchGetItem takes at most."""
_COMMIT: Final = "write to the catalog"


class DynamoClient(Protocol):
    """Name the calls made of the client of boto3."""

    def get_item(self, **arguments: object) -> dict[str, Any]:
        """Read one item."""
        ...

    def batch_get_item(self, **arguments: object) -> dict[str, Any]:
        """Read up to 100 items."""
        ...

    def query(self, **arguments: object) -> dict[str, Any]:
        """Read a range of an index."""
        ...

    def update_item(self, **arguments: object) -> dict[str, Any]:
        """Change one item."""
        ...

    def transact_write_items(self, **arguments: object) -> dict[str, Any]:
        """Change up to 100 items, all or none."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class DynamoCatalog:
    """Keep records in one table that any number of functions and workers share."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        """Use a table that was made by `table_definition`."""
        self._client = client
        self._table = table

    def get(self, kind: type[R], record_id: str) -> R:
        """Return the record, as every acknowledged commit left it."""
        # A longer id cannot have been stored, and the service would not take it as a key.
        if len(record_id) > items.MAX_ID_LETTERS:
            raise NotFound(f"there is no {kind.kind} of this id")
        answer = ask(
            self._client.get_item,
            f"read a {kind.kind}",
            TableName=self._table,
            Key=items.key(kind, record_id),
            ConsistentRead=True,
        )
        if "Item" not in answer:
            raise NotFound(f"there is no {kind.kind} {record_id}")
        return items.record_of(kind, answer["Item"])

    def find(self, query: Query[R]) -> Page[R]:
        """Return one page, newest first, in one Query and one BatchGetItem per 100 ids."""
        request = _range(query)
        if request is None:
            return Page((), None)
        return _page(query, self._looked_up(query, request | {"TableName": self._table}))

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; at most 100, each of another record."""
        self._commit(writes, {})

    def commit_once(self, writes: Sequence[Write], token: str) -> None:
        """Commit as `commit` does; repeated with its token within 10 minutes, it applies once.

        A commit of one Put has no need of that: repeating it changes nothing but the revision.
        """
        self._commit(writes, {"ClientRequestToken": token})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _commit(self, writes: Sequence[Write], token: Request) -> None:
        match writes:
            case []:
                return
            case [Put(record)]:
                request = dynamodb_writes.update_request(self._table, record)
                ask(self._client.update_item, _COMMIT, **request)
            case _:
                dynamodb_writes.check(writes)
                self._transact(writes, token)

    def _transact(self, writes: Sequence[Write], token: Request) -> None:
        actions = [dynamodb_writes.transact_item(self._table, write) for write in writes]
        try:
            self._client.transact_write_items(TransactItems=actions, **token)
        except FOREIGN as error:
            reasons = reasons_of(error)
            if reasons:
                raise dynamodb_writes.canceled(writes, reasons, _COMMIT) from error
            raise translated(error, _COMMIT) from error

    def _looked_up(self, query: Query[R], request: Request) -> Iterator[tuple[str, R | None]]:
        # Ids with what is there now: None where the index still names what has moved or gone.
        doing = f"list {query.kind.kind} records"
        skipped = {query.after_id, query.before_id}
        while True:
            answer = ask(self._client.query, doing, **request)
            ids = [entry[ID]["S"] for entry in answer["Items"]]
            found = self._records(query.kind, [one for one in ids if one not in skipped])
            for record_id, record in found.items():
                listed = record is not None and items.is_listed(record, query.index)
                yield record_id, record if listed else None
            if "LastEvaluatedKey" not in answer:
                return
            request = request | {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _records(self, kind: type[R], ids: Sequence[str]) -> dict[str, R | None]:
        found: dict[str, R | None] = dict.fromkeys(ids)
        wanted = [items.key(kind, record_id) for record_id in ids]
        while wanted:
            answer = self._batch(f"read {kind.kind} records", wanted)
            for item in answer["Responses"].get(self._table, []):
                found[item[ID]["S"]] = items.record_of(kind, item)
            rest = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if len(rest) == len(wanted):  # nothing at all went through: the table is throttled
                raise failure(BUSY, f"read {kind.kind} records")
            wanted = rest
        return found

    def _batch(self, doing: str, keys: Sequence[items.Item]) -> Request:
        asked = {self._table: {"Keys": keys, "ConsistentRead": True}}
        return ask(self._client.batch_get_item, doing, RequestItems=asked)


def _range(query: Query[R]) -> Request | None:
    """Return the arguments of Query; None when no id lies between the bounds."""
    if query.limit < 1:
        raise InvalidRequest("a page holds at least one record", field="limit")
    index, attribute, value = _index(query)
    bounds = _bounds(query)
    if bounds is None:
        return None
    condition, values = bounds
    return {
        "IndexName": index,
        "KeyConditionExpression": f"#hash = :hash{condition}",
        "ExpressionAttributeNames": {"#hash": attribute} | ({"#id": ID} if condition else {}),
        "ExpressionAttributeValues": {":hash": value} | values,
        "ScanIndexForward": False,
        # One id more than the page holds: it tells whether something is left.
        "Limit": BATCH if query.keep else min(query.limit + 1, BATCH),
    }


def _index(query: Query[R]) -> tuple[str, str, Request]:
    kind = query.kind
    if query.index is None:
        return BY_KIND, KIND, {"S": kind.kind}
    field, value = query.index
    if field not in kind.indexes:
        raise InvalidRequest(f"a {kind.kind} cannot be listed by {field}", field=field)
    slot = items.slot_of(kind, field)
    return BY_SLOT[slot], slot, items.slot_value(kind, field, value)


def _bounds(query: Query[R]) -> tuple[str, Request] | None:
    """Return the condition on ids. BETWEEN takes its ends in: they are left out afterwards."""
    after, before = query.after_id or "", query.before_id
    if len(after) > items.MAX_ID_LETTERS or len(before or "") > items.MAX_ID_LETTERS:
        raise InvalidRequest("no id is as long as this bound", field="cursor")
    if before is not None and before <= after:
        return None
    match after, before:
        case "", None:
            return "", {}
        case "", _:
            return " AND #id < :before", {":before": {"S": before}}
        case _, None:
            return " AND #id > :after", {":after": {"S": after}}
        case _:
            ends = {":after": {"S": after}, ":before": {"S": before}}
            return " AND #id BETWEEN :after AND :before", ends


def _page(query: Query[R], found: Iterator[tuple[str, R | None]]) -> Page[R]:
    # The id that ends the loop early is only peeked at, to know that something is left.
    taken: list[R] = []
    last_id: str | None = None
    for scanned, (record_id, record) in enumerate(found):
        if len(taken) == query.limit or scanned == MAX_SCAN:
            return Page(tuple(taken), last_id)
        last_id = record_id
        if record is not None and (query.keep is None or query.keep(record)):
            taken.append(record)
    return Page(tuple(taken), None)
