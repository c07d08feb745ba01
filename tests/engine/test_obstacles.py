"""Promises of looking for who stands in a dump's way, on real servers."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.connection import Connection
from chalicelib.engine import inspection, obstacles
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import Dumper, execute, locked

pytestmark = pytest.mark.postgres

Opened = Callable[[], psycopg.Connection[tuple[object, ...]]]


@pytest.fixture
def opened(source: Connection, postgres15: LocalPostgres, postgres18: LocalPostgres) -> Opened:
    """Open sessions of other people in the source."""
    server = next(s for s in (postgres15, postgres18) if s.port == source.endpoint.port)
    return lambda: psycopg.connect(server.url(source.endpoint.database))


@pytest.fixture
def quiet(source: Connection) -> Connection:
    execute(source, "CREATE SCHEMA IF NOT EXISTS app", "CREATE TABLE app.orders (id int)")
    return source


def test_nobody_stands_in_the_way_of_a_quiet_database(source: Connection, dumper: Dumper) -> None:
    found = dumper.engine.estimate(source, BackupOptions())

    assert (found.locks, found.transactions) == ((), ())


def test_a_lock_that_keeps_a_dump_out_is_listed_with_its_holder(
    quiet: Connection, opened: Opened, dumper: Dumper
) -> None:
    with opened() as holder:
        holder.execute("LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE")
        holder.execute("SELECT 'canary-91'")

        (lock,) = dumper.engine.estimate(quiet, BackupOptions()).locks

        assert (lock.relation, lock.pid) == ("app.orders", holder.info.backend_pid)
        assert (lock.granted, lock.state) == (True, "idle in transaction")
        assert lock.age_s is not None
        assert 0 <= lock.age_s < 60
        assert "canary-91" not in repr(lock)


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW EXCLUSIVE", "SHARE", "EXCLUSIVE"])
def test_a_lock_that_lets_a_dump_read_is_not_listed(
    quiet: Connection, opened: Opened, dumper: Dumper, mode: str
) -> None:
    with opened() as holder:
        holder.execute(f"LOCK TABLE app.orders IN {mode} MODE".encode())

        assert dumper.engine.estimate(quiet, BackupOptions()).locks == ()


def test_a_table_that_only_its_maker_sees_is_not_listed(
    quiet: Connection, opened: Opened, dumper: Dumper
) -> None:
    with opened() as maker:
        maker.execute("CREATE TABLE app.unseen (id int)")

        assert dumper.engine.estimate(quiet, BackupOptions()).locks == ()


def test_locks_of_another_database_are_not_listed(
    source18: Connection,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
    dumper: Dumper,
) -> None:
    elsewhere = database(postgres18)
    execute(elsewhere, "CREATE TABLE far_away (id int)")

    with locked(elsewhere, "far_away"):
        assert dumper.engine.estimate(source18, BackupOptions()).locks == ()


def test_a_transaction_that_lasts_is_listed(quiet: Connection, opened: Opened) -> None:
    with opened() as session, inspection.looking(quiet, 5, None) as looking:
        session.execute("SELECT 'canary-91'")

        found = obstacles.long_transactions(looking, longer_than_s=0)

        assert [one.pid for one in found] == [session.info.backend_pid]
        assert found[0].state == "idle in transaction"
        assert "canary-91" not in repr(found)
