"""What the catalog does when DynamoDB is slow, full, out of reach, or answers late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from chalicelib.adapters.aws.clients import client
from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.retrying_catalog import RetryingCatalog
from chalicelib.adapters.aws.service_errors import is_transient
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    Internal,
    RevisionConflict,
    StorageFailed,
)
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import Insert, Put, Query, Remove, Replace, Write
from tests.support.ministack import Ministack
from tests.support.proxy import Proxy

BuildBackup = Callable[..., Backup]
URL = "http://127.0.0.1:1"


class Faults(Protocol):
    before: list[Exception]
    after: list[Exception]


def refusal(code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response | more, "TransactWriteItems")


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


LOST = [
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    refusal("InternalServerError", 500),
    refusal("SomethingNew", 503),
]
PASSING = [
    *LOST,
    EndpointConnectionError(endpoint_url=URL),
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("RequestLimitExceeded"),
]
PASSING_COMMITS = [
    *PASSING,
    refusal("TransactionInProgressException"),
    cancelled("TransactionConflict"),
    cancelled("ThrottlingError"),
]


def name_of(error: Exception) -> str:
    return str(error)[:60]


@pytest.mark.parametrize("error", LOST, ids=name_of)
def test_an_insert_whose_answer_was_lost_succeeds_once(
    retrying: RetryingCatalog, faulty: Faults, backup: BuildBackup, error: Exception
) -> None:
    faulty.after = [error, error]

    retrying.commit([Insert(backup())])

    assert faulty.after == []
    assert retrying.get(Backup, backup().id).revision == 1


def test_a_replace_whose_answer_was_lost_counts_once(
    retrying: RetryingCatalog, faulty: Faults, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Insert(backup())])
    read = plain.get(Backup, backup().id)
    faulty.after = [ReadTimeoutError(endpoint_url=URL)]

    retrying.commit([Replace(read.model_copy(update={"attempt": 1})), Put(progress())])

    assert plain.get(Backup, read.id).revision == 2


def test_a_remove_whose_answer_was_lost_succeeds(
    retrying: RetryingCatalog, faulty: Faults, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Insert(backup())])
    faulty.after = [ReadTimeoutError(endpoint_url=URL)]

    retrying.commit([Remove(plain.get(Backup, backup().id))])

    assert plain.find(Query(Backup)).items == ()


def test_a_landed_commit_is_not_repeated_over_a_newer_one(
    retrying: RetryingCatalog, faulty: Faults, plain: DynamoCatalog, backup: BuildBackup
) -> None:
    plain.commit([Insert(backup())])
    read = plain.get(Backup, backup().id)

    class Overtaken(ReadTimeoutError):
        """Be a lost answer, after which somebody else was quicker than the repetition."""

    def overtake() -> Overtaken:
        landed = read.model_copy(update={"revision": 2})
        plain.commit([Replace(landed.model_copy(update={"name": "theirs"}))])
        return Overtaken(endpoint_url=URL)

    faulty.after = LateErrors(overtake)

    retrying.commit([Replace(read.model_copy(update={"name": "ours"}))])

    stored = plain.get(Backup, read.id)
    assert (stored.name, stored.revision) == ("theirs", 3)


class LateErrors(list[Exception]):
    """Make the only error when it is taken."""

    def __init__(self, make: Callable[[], Exception]) -> None:
        super().__init__([ReadTimeoutError(endpoint_url=URL)])
        self._make = make

    def pop(self, index: Any = -1) -> Exception:
        super().pop(index)
        return self._make()


def test_an_insert_whose_line_is_cut_before_the_answer_succeeds_once(
    retrying: RetryingCatalog, server: Ministack, faulty: Any, backup: BuildBackup
) -> None:
    direct = faulty.real

    with Proxy(("127.0.0.1", server.port), limit_bytes=1) as proxy:
        place = replace(server.place, endpoint_url=f"http://127.0.0.1:{proxy.port}")
        faulty.real = Detour(client("dynamodb", place), direct)
        retrying.commit([Insert(backup())])

        assert proxy.struck.is_set()
    assert retrying.get(Backup, backup().id).revision == 1


class Detour:
    """Send the first commit one way and everything else another."""

    def __init__(self, first: Any, then: Any) -> None:
        self._ways = [first]
        self._then = then
        self.get_item = then.get_item

    def transact_write_items(self, **arguments: object) -> Any:
        way = self._ways.pop() if self._ways else self._then
        return way.transact_write_items(**arguments)


@pytest.mark.parametrize("error", PASSING_COMMITS, ids=name_of)
def test_a_commit_is_repeated_when_that_may_help(
    retrying: RetryingCatalog, faulty: Faults, backup: BuildBackup, error: Exception
) -> None:
    faulty.before = [error] * 3

    retrying.commit([Insert(backup())])

    assert retrying.get(Backup, backup().id).revision == 1


@pytest.mark.parametrize("error", PASSING, ids=name_of)
def test_single_puts_and_reads_are_repeated_when_that_may_help(
    retrying: RetryingCatalog, faulty: Faults, error: Exception
) -> None:
    faulty.before = [error] * 3
    retrying.commit([Put(progress())])
    faulty.before = [error]

    page = retrying.find(Query(Progress))

    assert [found.phase for found in page.items] == ["dump"]


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (refusal("AccessDeniedException"), 1),
        (refusal("ResourceNotFoundException"), 1),
        (refusal("ThrottlingException"), 8),
    ],
    ids=str,
)
def test_what_does_not_pass_ends_in_an_error_of_ours(
    retrying: RetryingCatalog, faulty: Faults, error: Exception, calls: int
) -> None:
    faulty.before = [error] * 20

    with pytest.raises(StorageFailed) as caught:
        retrying.get(Backup, "B1")

    assert len(faulty.before) == 20 - calls
    assert caught.value.__cause__ is error


def test_a_lost_decision_is_not_repeated(
    retrying: RetryingCatalog, faulty: Faults, backup: BuildBackup
) -> None:
    faulty.before = [cancelled("ConditionalCheckFailed"), refusal("Never")]

    with pytest.raises(Conflict):
        retrying.commit([Insert(backup())])

    assert len(faulty.before) == 1


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["ConditionalCheckFailed", "None"], (Conflict, False)),
        (["None", "ConditionalCheckFailed"], (RevisionConflict, False)),
        (["TransactionConflict", "ConditionalCheckFailed"], (RevisionConflict, False)),
        (["TransactionConflict", "None"], (StorageFailed, True)),
        (["None", "ProvisionedThroughputExceeded"], (StorageFailed, True)),
        (["TransactionConflict", "ItemCollectionSizeLimitExceeded"], (StorageFailed, False)),
        (["ValidationError", "None"], (Internal, False)),
    ],
)
def test_each_reason_of_a_cancelled_commit_has_its_error(
    faulty: Any, backup: BuildBackup, codes: list[str], expected: tuple[type[Exception], bool]
) -> None:
    faulty.before = [cancelled(*codes)]
    writes: list[Write] = [Insert(backup(1)), Replace(backup(2))]

    with pytest.raises(HoldfastError) as caught:
        DynamoCatalog(faulty, "table").commit(writes)

    assert (type(caught.value), is_transient(caught.value)) == expected


def progress() -> Progress:
    return Progress.model_validate({"id": "B1", "phase": "dump", "at": "2026-01-02T00:00:00Z"})
