"""The catalog on DynamoDB with clients that count, lose answers and serve old lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.retrying_catalog import Patience, RetryingCatalog
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.domain.backup import Backup, Status
from tests.support.ministack import Ministack, ministack_of

BuildBackup = Callable[..., Backup]


@dataclass
class FaultyClient:
    """Pass calls on, and fail with the next planned error before or after one."""

    real: Any
    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)

    def get_item(self, **arguments: object) -> dict[str, Any]:
        return self._call(self.real.get_item, arguments)

    def batch_get_item(self, **arguments: object) -> dict[str, Any]:
        return self._call(self.real.batch_get_item, arguments)

    def query(self, **arguments: object) -> dict[str, Any]:
        return self._call(self.real.query, arguments)

    def update_item(self, **arguments: object) -> dict[str, Any]:
        return self._call(self.real.update_item, arguments)

    def transact_write_items(self, **arguments: object) -> dict[str, Any]:
        return self._call(self.real.transact_write_items, arguments)

    def close(self) -> None:
        self.real.close()

    def _call(self, call: Callable[..., dict[str, Any]], arguments: Any) -> dict[str, Any]:
        if self.before:
            raise self.before.pop(0)
        answer = call(**arguments)
        if self.after:
            raise self.after.pop(0)
        return answer


@dataclass
class LaggingClient(FaultyClient):
    """Answer lists as they were when `lag` was called."""

    old: dict[str, Any] | None = None

    def lag(self, **arguments: object) -> None:
        self.old = self.real.query(**arguments)

    def query(self, **arguments: object) -> dict[str, Any]:
        return self.old if self.old is not None else super().query(**arguments)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


@pytest.fixture
def table(server: Ministack) -> str:
    return server.new_table()


@pytest.fixture
def faulty(server: Ministack) -> FaultyClient:
    return FaultyClient(server.client("dynamodb"))


@pytest.fixture
def lagging(server: Ministack) -> LaggingClient:
    return LaggingClient(server.client("dynamodb"))


@pytest.fixture
def plain(server: Ministack, table: str) -> DynamoCatalog:
    """The catalog without retry or faults, to look at what is really stored."""
    return DynamoCatalog(server.client("dynamodb"), table)


@pytest.fixture
def retrying(faulty: FaultyClient, table: str) -> RetryingCatalog:
    clock = SystemClock()
    patience = Patience(clock, pause=lambda _: None, chance=lambda: 0.5)
    return RetryingCatalog(DynamoCatalog(faulty, table), UlidIds(clock), patience)


@pytest.fixture
def backup() -> BuildBackup:
    def build(number: int = 1, status: Status = Status.PENDING) -> Backup:
        return Backup(
            id=f"B{number:06d}",
            project_id="p1",
            name=f"backup {number}",
            requested_by="tester",
            created_at=datetime(2026, 1, 2, tzinfo=UTC),
            status=status,
        )

    return build
