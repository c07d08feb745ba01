"""What the engine's tests share: a dumper, and both kinds of server to run a promise against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import Dumper, execute
from tests.support.restoring import Bench

SAMPLE = (
    "CREATE TABLE people (id int PRIMARY KEY, name text, born date, score numeric)",
    (
        "INSERT INTO people"
        " SELECT g, md5(g::text) || E'\\n\\t\\\\', '2000-01-01'::date + g, g / 7.0"
        " FROM generate_series(1, 3000) g"
    ),
    "CREATE TABLE empty_one (a int)",
    "CREATE TABLE parted (id int, region text) PARTITION BY LIST (region)",
    "CREATE TABLE parted_n PARTITION OF parted FOR VALUES IN ('n')",
    "CREATE TABLE parted_s PARTITION OF parted FOR VALUES IN ('s')",
    (
        "INSERT INTO parted SELECT g, CASE WHEN g % 3 = 0 THEN 'n' ELSE 's' END"
        " FROM generate_series(1, 90) g"
    ),
    "CREATE MATERIALIZED VIEW names AS SELECT name FROM people WHERE id < 10",
    "SELECT lo_from_bytea(0, '\\x00ff10'), lo_from_bytea(0, 'abc')",
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Give the folder that must be empty after every run."""
    return tmp_path / "scratch"


@pytest.fixture
def dumper(scratch: Path) -> Dumper:
    """Give an engine with all clients of this machine."""
    return Dumper(scratch)


@pytest.fixture(params=["postgres18", "postgres15"])
def server(request: pytest.FixtureRequest) -> LocalPostgres:
    """Run the test against each server in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, LocalPostgres)
    return found


@pytest.fixture
def source(server: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give a database on each server with rows, partitions, a view and large objects."""
    connection = database(server)
    execute(connection, *SAMPLE)
    return connection


@pytest.fixture
def source18(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give the same database on PostgreSQL 18 only."""
    connection = database(postgres18)
    execute(connection, *SAMPLE)
    return connection


@pytest.fixture
def source15(postgres15: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give the same database on PostgreSQL 15 only."""
    connection = database(postgres15)
    execute(connection, *SAMPLE)
    return connection


@pytest.fixture
def target18(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give an empty database on PostgreSQL 18."""
    return database(postgres18)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Give a restorer with all clients of this machine."""
    return Bench(tmp_path)
