"""A cancel ends a dump within two seconds in each phase, with all that it started."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Compression
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Cancelled
from tests.support.dumping import (
    Bystander,
    Canceller,
    Dumper,
    clients_running,
    connected,
    endpoint_of,
    execute,
    locked,
    sessions_of_ours,
    stub_clients,
)
from tests.support.proxy import Proxy
from tests.support.waiting import await_that

pytestmark = pytest.mark.postgres

CANCEL_LIMIT_S = 2.0
BIG_TABLE = (
    "CREATE TABLE big AS SELECT g, repeat(md5(g::text), 8) AS noise"
    " FROM generate_series(1, 60000) g"
)
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name LIKE 'holdfast %' AND wait_event_type = 'Lock' AND query LIKE '{}'"
)


def test_while_the_server_does_not_answer(source18: Connection, dumper: Dumper) -> None:
    plan = dumper.engine.plan(source18, BackupOptions())
    began = time.monotonic()
    watch = Canceller(lambda: time.monotonic() > began + 0.5)

    with Proxy(("127.0.0.1", source18.endpoint.port), limit_bytes=1, silent=True) as proxy:
        with pytest.raises(Cancelled):
            dumper.dump_planned(endpoint_of(source18, port=proxy.port), plan, watch)
        _assert_soon(watch)

    assert dumper.leftovers() == []


def test_while_pg_dump_waits_for_a_lock(source18: Connection, dumper: Dumper) -> None:
    watch = Canceller(lambda: _are_waiting(source18, "LOCK TABLE%"))

    with locked(source18, "people"):
        with pytest.raises(Cancelled):
            dumper.dump(source18, watch=watch)
        _assert_gone(watch, source18, dumper)


@pytest.mark.parametrize("kind", [BackupType.FULL, BackupType.DATA])
def test_while_rows_flow(source18: Connection, dumper: Dumper, kind: BackupType) -> None:
    execute(source18, BIG_TABLE)
    flowing = threading.Event()
    dumper.on_first_bytes = flowing.set
    watch = Canceller(flowing.is_set)
    options = BackupOptions(type=kind, compression=Compression.NONE)

    with pytest.raises(Cancelled):
        dumper.dump(source18, options, watch)

    _assert_gone(watch, source18, dumper)


def test_while_pg_dump_hangs_after_its_last_byte(
    source18: Connection, tmp_path: Path, scratch: Path
) -> None:
    clients = stub_clients(tmp_path / "stub", "echo rows; exec >&-; exec sleep 1000")
    dumper, seen = Dumper(scratch, clients), threading.Event()
    dumper.on_first_bytes = seen.set
    watch = Canceller(seen.is_set)

    with pytest.raises(Cancelled):
        dumper.dump(source18, watch=watch)

    _assert_gone(watch, source18, dumper)


def test_while_only_the_counter_still_works(
    source18: Connection, tmp_path: Path, scratch: Path
) -> None:
    dumper = Dumper(scratch, stub_clients(tmp_path / "stub", "echo rows"))
    watch = Canceller(lambda: _are_waiting(source18, "%count(*)%"))

    with locked(source18, "people"):
        with pytest.raises(Cancelled):
            dumper.dump(source18, watch=watch)
        _assert_gone(watch, source18, dumper)


def test_while_an_archive_is_read(source18: Connection, dumper: Dumper) -> None:
    dumped = dumper.dump(source18)
    began = time.monotonic()
    watch = Canceller(lambda: time.monotonic() > began + 0.3)

    def stalling() -> Iterator[bytes]:
        yield dumped.main[:100]
        while True:
            yield b""

    with pytest.raises(Cancelled):
        dumper.engine.check(dumped.plan.format, dumped.plan.compression, stalling(), watch)

    _assert_soon(watch)
    assert clients_running() == []


def test_the_watch_is_asked_twice_a_second_though_nothing_flows(
    source18: Connection, scratch: Path
) -> None:
    dumper, watch = Dumper(scratch, lock_timeout_s=1.5), Bystander()

    with locked(source18, "people"), pytest.raises(Exception, match="lock"):
        dumper.dump(source18, watch=watch)

    gaps = [after - before for before, after in zip(watch.looks, watch.looks[1:], strict=False)]
    assert max(gaps) < 0.5


def test_a_sink_that_fails_ends_the_dump(source18: Connection, dumper: Dumper) -> None:
    execute(source18, BIG_TABLE)

    def fail() -> None:
        raise OSError("the store is gone")

    dumper.on_first_bytes = fail

    with pytest.raises(OSError, match="the store is gone"):
        dumper.dump(source18, BackupOptions(compression=Compression.NONE))

    # the server hears of a client that was killed when it next writes to it
    await_that(lambda: sessions_of_ours(source18) == 0)
    assert dumper.leftovers() == []
    assert clients_running() == []


def _are_waiting(connection: Connection, pattern: str) -> bool:
    with connected(connection) as session:
        return session.execute(WAITING.format(pattern).encode()).fetchone() == (1,)


def _assert_soon(watch: Canceller) -> None:
    assert watch.cancelled_at > 0
    assert time.monotonic() - watch.cancelled_at < CANCEL_LIMIT_S


def _assert_gone(watch: Canceller, connection: Connection, dumper: Dumper) -> None:
    # a backend notices by itself that the session which ended all others is gone, too
    await_that(lambda: sessions_of_ours(connection) == 0)
    _assert_soon(watch)
    assert dumper.leftovers() == []
    assert clients_running() == []
