"""What the catalog on DynamoDB promises beyond the contract: calls, lag, batches, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.aws.call_counter import CallCounter
from chalicelib.adapters.aws.clients import client
from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.dynamodb_table import (
    BY_SLOT,
    SLOTS,
    TTL_ATTRIBUTE,
    table_definition,
    ttl_definition,
)
from chalicelib.adapters.aws.dynamodb_writes import MAX_WRITES
from chalicelib.adapters.aws.service_errors import is_transient
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import Internal, InvalidRequest, NotFound, StorageFailed
from chalicelib.domain.idempotency import Idempotency
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import Insert, Put, Query, Replace
from tests.support.ministack import Ministack

BuildBackup = Callable[..., Backup]
AT = "2026-01-02T00:00:00Z"
LONG = "x" * 129


@pytest.fixture
def counter(server: Ministack) -> CallCounter:
    return CallCounter()


@pytest.fixture
def counted(server: Ministack, table: str, counter: CallCounter) -> DynamoCatalog:
    dynamodb = client("dynamodb", server.place)
    counter.watch(dynamodb)
    return DynamoCatalog(dynamodb, table)


def event(number: int) -> AuditEvent:
    fields = {"id": f"E{number:04d}", "at": AT, "actor": "a", "action": "b", "subject_id": "S"}
    return AuditEvent.model_validate(fields)


def progress() -> Progress:
    return Progress.model_validate({"id": "B1", "phase": "dump", "at": AT})


# -- calls


def test_a_move_with_its_events_is_one_call(
    counted: DynamoCatalog, counter: CallCounter, backup: BuildBackup
) -> None:
    counted.commit([Insert(backup()), Insert(event(1)), Insert(event(2))])

    assert counter.counts == {("dynamodb", "TransactWriteItems"): 1}


def test_progress_is_one_cheap_call(counted: DynamoCatalog, counter: CallCounter) -> None:
    counted.commit([Put(progress())])

    assert counter.counts == {("dynamodb", "UpdateItem"): 1}


def test_a_page_is_two_calls(
    counted: DynamoCatalog, counter: CallCounter, plain: DynamoCatalog
) -> None:
    plain.commit([Insert(event(number)) for number in range(60)])

    counted.find(Query(AuditEvent, index=("subject_id", "S"), limit=50))

    assert counter.counts == {("dynamodb", "Query"): 1, ("dynamodb", "BatchGetItem"): 1}


@pytest.mark.parametrize(
    ("after", "before"), [("B2", "B2"), ("B3", "B2"), (None, ""), ("B1", "B1")]
)
def test_bounds_with_nothing_between_cost_no_call(
    counted: DynamoCatalog, counter: CallCounter, after: str | None, before: str
) -> None:
    page = counted.find(Query(Backup, after_id=after, before_id=before))

    assert page.items == ()
    assert counter.total == 0


def test_every_read_is_consistent(faulty: Any, table: str, plain: DynamoCatalog) -> None:
    plain.commit([Insert(event(1))])
    seen: list[dict[str, Any]] = []
    faulty.real = Recorder(faulty.real, seen)
    catalog = DynamoCatalog(faulty, table)

    catalog.get(AuditEvent, "E0001")
    catalog.find(Query(AuditEvent))

    assert seen[0]["ConsistentRead"] is True
    assert seen[1]["RequestItems"][table]["ConsistentRead"] is True


class Recorder:
    """Note the arguments of reads by key."""

    def __init__(self, real: Any, seen: list[dict[str, Any]]) -> None:
        self._real = real
        self._seen = seen
        self.query = real.query

    def get_item(self, **arguments: Any) -> Any:
        self._seen.append(arguments)
        return self._real.get_item(**arguments)

    def batch_get_item(self, **arguments: Any) -> Any:
        self._seen.append(arguments)
        return self._real.batch_get_item(**arguments)


# -- lists that lag


def pending(table: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "IndexName": BY_SLOT["x1"],
        "KeyConditionExpression": "x1 = :value",
        "ExpressionAttributeValues": {":value": {"S": "backup#status#pending"}},
        "ScanIndexForward": False,
    }


def test_a_lagging_list_shows_no_record_that_has_moved_or_gone(
    lagging: Any, table: str, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Insert(backup(number)) for number in (1, 2)])
    lagging.lag(**pending(table))
    plain.commit([Replace(moved(plain.get(Backup, "B000002")))])

    page = DynamoCatalog(lagging, table).find(Query(Backup, index=("status", "pending")))

    assert [found.id for found in page.items] == ["B000001"]


def test_a_lagging_list_shows_records_as_they_are_now(
    lagging: Any, table: str, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Insert(backup())])
    lagging.lag(**pending(table))
    plain.commit([Replace(plain.get(Backup, "B000001").model_copy(update={"name": "new"}))])

    page = DynamoCatalog(lagging, table).find(Query(Backup, index=("status", "pending")))

    assert [found.name for found in page.items] == ["new"]


def moved(record: Backup) -> Backup:
    return record.model_copy(update={"status": Status.IN_PROGRESS})


# -- batches that come in part


class PartialClient:
    """Answer at most `size` keys of a batch, like a throttled table."""

    def __init__(self, real: Any, size: int) -> None:
        self._real = real
        self._size = size
        self.query = real.query

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - the service's word
        ((table, asked),) = RequestItems.items()
        now, later = asked["Keys"][: self._size], asked["Keys"][self._size :]
        answer: dict[str, Any] = {"Responses": {}}
        if now:
            answer = self._real.batch_get_item(RequestItems={table: asked | {"Keys": now}})
        return answer | {"UnprocessedKeys": {table: {"Keys": later}} if later else {}}


def test_a_batch_that_comes_in_part_is_asked_for_until_whole(
    server: Ministack, table: str, plain: DynamoCatalog
) -> None:
    plain.commit([Insert(event(number)) for number in range(7)])
    partial: Any = PartialClient(server.client("dynamodb"), 3)

    page = DynamoCatalog(partial, table).find(Query(AuditEvent))

    assert [found.id for found in page.items] == [f"E{number:04d}" for number in range(6, -1, -1)]


def test_a_batch_of_which_nothing_comes_is_a_transient_failure(
    server: Ministack, table: str, plain: DynamoCatalog
) -> None:
    plain.commit([Insert(event(1))])
    partial: Any = PartialClient(server.client("dynamodb"), 0)

    with pytest.raises(StorageFailed) as caught:
        DynamoCatalog(partial, table).find(Query(AuditEvent))

    assert is_transient(caught.value)


# -- limits and bad input


def test_a_full_commit_is_taken(plain: DynamoCatalog) -> None:
    plain.commit([Insert(event(number)) for number in range(MAX_WRITES)])

    assert len(plain.find(Query(AuditEvent, limit=200)).items) == MAX_WRITES


@pytest.mark.parametrize("numbers", [range(MAX_WRITES + 1), (1, 1)])
def test_what_no_transaction_takes_is_refused_before_it_is_sent(
    counted: DynamoCatalog, counter: CallCounter, numbers: list[int]
) -> None:
    with pytest.raises(Internal):
        counted.commit([Insert(event(number)) for number in numbers])

    assert counter.total == 0


def test_a_record_larger_than_an_item_is_refused(plain: DynamoCatalog) -> None:
    large = event(1).model_copy(update={"details": {"text": "ü" * 200_000}})

    with pytest.raises(Internal, match="too large"):
        plain.commit([Insert(large)])


def test_a_record_of_nearly_the_limit_is_kept(plain: DynamoCatalog) -> None:
    large = event(1).model_copy(update={"details": {"text": "x" * 389_000}})

    plain.commit([Insert(large)])

    assert plain.get(AuditEvent, "E0001").details == large.details


def test_an_id_that_no_record_can_have_is_not_found(plain: DynamoCatalog) -> None:
    with pytest.raises(NotFound):
        plain.get(Backup, LONG)


@pytest.mark.parametrize(
    "query", [Query(Backup, after_id=LONG), Query(Backup, before_id=LONG)], ids=["after", "before"]
)
def test_a_bound_that_no_id_can_have_is_refused(plain: DynamoCatalog, query: Query[Backup]) -> None:
    with pytest.raises(InvalidRequest):
        plain.find(query)


def test_a_missing_table_is_a_lasting_storage_failure(server: Ministack) -> None:
    catalog = DynamoCatalog(server.client("dynamodb"), "nowhere")

    with pytest.raises(StorageFailed, match="missing") as caught:
        catalog.get(Backup, "B1")

    assert not is_transient(caught.value)


def test_a_record_past_its_time_to_live_is_still_there(plain: DynamoCatalog) -> None:
    old = Idempotency.model_validate(
        {"id": "K", "body_sha256": "x", "result_id": "B", "created_at": AT, "day": "2026-01-02"}
    )

    plain.commit([Insert(old.model_copy(update={"created_at": old.created_at.replace(year=2001)}))])

    assert plain.get(Idempotency, "K").result_id == "B"
    assert len(plain.find(Query(Idempotency)).items) == 1


def test_a_put_takes_a_record_out_of_an_index_it_has_no_value_for(
    server: Ministack, table: str, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Put(backup().model_copy(update={"chore": Chore.CLEAN}))])

    plain.commit([Put(backup())])

    (item,) = server.client("dynamodb").scan(TableName=table)["Items"]
    assert item.keys() & set(SLOTS) == {"x0", "x1"}


# -- the table


def test_the_table_is_made_as_it_is_described(server: Ministack, table: str) -> None:
    described = server.client("dynamodb").describe_table(TableName=table)["Table"]

    wanted = table_definition(table)
    indexes = {index["IndexName"]: index for index in described["GlobalSecondaryIndexes"]}
    assert described["KeySchema"] == wanted["KeySchema"]
    assert set(indexes) == {"by_kind", *BY_SLOT.values()}
    assert len(SLOTS) == len(BY_SLOT)
    assert all(i["Projection"] == {"ProjectionType": "KEYS_ONLY"} for i in indexes.values())


def test_time_to_live_can_be_switched_on(server: Ministack, table: str) -> None:
    dynamodb = server.client("dynamodb")

    dynamodb.update_time_to_live(**ttl_definition(table))

    described = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert described["AttributeName"] == TTL_ATTRIBUTE
