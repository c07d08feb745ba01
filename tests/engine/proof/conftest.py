"""What the tests of proofs share: a prover over a scratch folder of its own, and its leftovers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.engine.scratch import PREFIX
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import Dumper, execute
from tests.support.proving import Prover

SHOP = (
    "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL)",
    "INSERT INTO people SELECT g, 'p' || g FROM generate_series(1, 50) g",
    "CREATE TABLE orders (id serial PRIMARY KEY, person int REFERENCES people, at timestamptz)",
    "INSERT INTO orders (person, at) SELECT 1 + g % 50, now() FROM generate_series(1, 200) g",
    "CREATE INDEX orders_by_time ON orders (at)",
    "SELECT lo_from_bytea(77, 'seven')",
)


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that the account of a scratch server can enter."""
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def prover(place: Path) -> Prover:
    return Prover(Dumper(place))


@pytest.fixture
def shop(database: Callable[..., Connection], server: LocalPostgres) -> Connection:
    """Give a small database on each server in turn."""
    connection = database(server)
    execute(connection, *SHOP)
    return connection


@pytest.fixture
def shop18(database: Callable[..., Connection], postgres18: LocalPostgres) -> Connection:
    """Give the same database on PostgreSQL 18 only."""
    connection = database(postgres18)
    execute(connection, *SHOP)
    return connection


@pytest.fixture
def left(place: Path) -> Callable[[], list[Path]]:
    """List what scratch servers of this test left on the disk."""
    return lambda: list(place.glob(PREFIX + "*"))
