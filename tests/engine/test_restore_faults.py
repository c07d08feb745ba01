"""A restore that breaks says how and what became of the target; nothing is left running."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Cancelled, IntegrityFailed, SourceLost
from chalicelib.domain.restore import RestoreOptions, TargetState
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.postgres_ports import RestoreFile, RestoreSource
from tests.support.dumping import (
    Bystander,
    Canceller,
    clients_running,
    connected,
    contents,
    endpoint_of,
    execute,
    locked,
    sessions_of_ours,
)
from tests.support.proxy import Proxy
from tests.support.restoring import Bench, options
from tests.support.waiting import await_that

pytestmark = pytest.mark.postgres

CANCEL_LIMIT_S = 2.0
# slow for us only: rows go in quickly at the source, and at the target one in 10 ms
SLOW = (
    (
        "CREATE FUNCTION slow(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_setting('application_name') LIKE 'holdfast %'"
        " THEN PERFORM pg_sleep(0.01); END IF; RETURN true; END $$"
    ),
    "CREATE TABLE big (g int CHECK (public.slow(g)))",
    "INSERT INTO big SELECT generate_series(1, 800)",
)
LOADING = "COPY public.big%"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE query LIKE 'COPY public.big%' AND state = 'active' AND pid <> pg_backend_pid()"
)


class Once:
    """Watch, and do something once while rows are loaded."""

    def __init__(self, target: Connection, deed: Callable[[], object]) -> None:
        self._target = target
        self._deed = deed
        self._is_done = False

    def check(self, progress: object = None) -> None:
        del progress
        if not self._is_done and running(self._target, LOADING):
            self._is_done = True
            self._deed()


def running(target: Connection, query: str) -> bool:
    """Tell whether a session of ours runs such a statement."""
    with connected(target) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast %%'"
            " AND state = 'active' AND query LIKE %s",
            (query,),
        ).fetchone()
    return row != (0,)


def assert_gone(bench: Bench, target: Connection) -> None:
    await_that(lambda: sessions_of_ours(target) == 0)
    assert clients_running() == []
    assert bench.leftovers() == []


def cancelled(
    bench: Bench,
    source: RestoreSource,
    target: Connection,
    when: Callable[[], bool],
    chosen: RestoreOptions | None = None,
) -> None:
    """Cancel a restore at a moment; it must end soon, with all that it started."""
    watch = Canceller(when)
    with pytest.raises(Cancelled):
        bench.restore(source, target, chosen, watch)
    assert time.monotonic() - watch.cancelled_at < CANCEL_LIMIT_S
    assert_gone(bench, target)


def test_a_cancel_while_the_target_does_not_answer(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    began = time.monotonic()
    watch = Canceller(lambda: time.monotonic() > began + 0.5)

    with Proxy(("127.0.0.1", target18.endpoint.port), limit_bytes=1, silent=True) as proxy:
        with pytest.raises(Cancelled):
            bench.restore(source, endpoint_of(target18, port=proxy.port), None, watch)
        assert time.monotonic() - watch.cancelled_at < CANCEL_LIMIT_S

    assert bench.reached == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cancel_while_rows_are_loaded(
    bench: Bench, source18: Connection, target18: Connection, jobs: int
) -> None:
    execute(source18, *SLOW)
    source = bench.dump(source18)

    cancelled(bench, source, target18, lambda: running(target18, LOADING), options(jobs=jobs))

    assert bench.reached == [TargetState.PARTIAL]


def test_a_cancel_while_a_lock_is_waited_for(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    bench.restore(source, target18)
    chosen = options(confirm=target18, clean=True)

    with locked(target18, "people"):
        cancelled(bench, source, target18, lambda: running(target18, "%DROP%"), chosen)


def test_a_cancel_in_a_script_leaves_the_target_as_it_was(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(source18, *SLOW)
    source = bench.dump(source18, format="plain", compression="none")

    cancelled(bench, source, target18, lambda: running(target18, LOADING))

    assert contents(target18) == {"large objects": []}


def test_a_server_that_is_killed(
    bench: Bench, postgres18: LocalPostgres, source15: Connection, target18: Connection
) -> None:
    execute(source15, *SLOW)
    source = bench.dump(source15)

    with pytest.raises(SourceLost):
        bench.restore(source, target18, watch=Once(target18, postgres18.kill))

    postgres18.start()
    assert bench.reached == [TargetState.PARTIAL]
    assert (clients_running(), bench.leftovers()) == ([], [])


@pytest.mark.parametrize("layout", [{}, {"format": "plain"}], ids=str)
def test_a_session_that_is_terminated(
    bench: Bench, source18: Connection, target18: Connection, layout: dict[str, str]
) -> None:
    execute(source18, *SLOW)
    source = bench.dump(source18, **layout)
    watch = Once(target18, lambda: execute(target18, TERMINATE))

    with pytest.raises(SourceLost):
        bench.restore(source, target18, watch=watch)

    assert_gone(bench, target18)


def test_a_line_that_is_cut(bench: Bench, source18: Connection, target18: Connection) -> None:
    execute(source18, *SLOW)
    source = bench.dump(source18)
    target = ("127.0.0.1", target18.endpoint.port)

    with Proxy(target, limit_bytes=500_000) as proxy:
        through = endpoint_of(target18, port=proxy.port)
        watch = Once(target18, lambda: use_up(through))
        with pytest.raises(SourceLost):
            bench.restore(source, through, watch=watch)

    assert_gone(bench, target18)


def use_up(connection: Connection) -> None:
    """Ask for so many bytes that the proxy cuts all lines."""
    with pytest.raises(psycopg.OperationalError):
        execute(connection, "SELECT repeat('x', 1000000)")


@pytest.fixture
def cramped() -> Iterator[LocalPostgres]:
    """Run a server that can grow no file beyond 18 MiB: to it that is a full disk."""
    programs = next(found for found in find_servers() if found.major == 18)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    server = LocalPostgres(programs, LocalSettings(durable=False))
    # its log of writes comes in files of 16 MiB
    resource.setrlimit(resource.RLIMIT_FSIZE, (18 << 20, hard))
    try:
        server.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    yield server
    server.close()


def test_a_full_disk_fails_the_table_and_says_what_to_do(
    bench: Bench, source18: Connection, cramped: LocalPostgres
) -> None:
    execute(
        source18,
        "CREATE TABLE fat (noise text)",
        "ALTER TABLE fat ALTER noise SET STORAGE PLAIN",
        "INSERT INTO fat SELECT repeat('x', 7000) FROM generate_series(1, 3000)",
    )

    report = bench.restore(bench.dump(source18), cramped.connection())

    (error,) = report.errors
    assert "fat" in error.what
    assert error.advice == "Free disk space on the target's server."
    assert bench.reached == [TargetState.PARTIAL]


def test_bytes_that_change_between_two_reads_end_a_script_without_a_trace(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18, format="plain", compression="none")
    data = b"".join(source.main.open())

    def spoiled() -> Iterator[bytes]:
        yield data
        raise IntegrityFailed("not the bytes of the manifest")

    with pytest.raises(IntegrityFailed):
        bench.restore(replace(source, main=RestoreFile(spoiled)), target18)

    assert contents(target18) == {"large objects": []}


def test_an_object_that_the_target_refuses_is_named_with_advice(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    execute(target18, "CREATE TABLE depends (a int)")
    execute(target18, "CREATE TABLE people (id int PRIMARY KEY)")
    execute(target18, "ALTER TABLE depends ADD FOREIGN KEY (a) REFERENCES people")

    report = bench.restore(source, target18, options(confirm=target18, clean=True))

    assert report.errors_total >= 2
    assert any("people" in note.what for note in report.errors)
    assert all(note.advice for note in report.errors)
    assert bench.reached == [TargetState.PARTIAL]


def test_a_script_that_is_refused_leaves_the_target_as_it_was(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18, format="plain")
    execute(target18, "CREATE TABLE people ()")
    before = contents(target18)

    report = bench.restore(source, target18, options(confirm=target18))

    assert report.errors_total == 1
    assert "already exists" in report.errors[0].message
    assert contents(target18) == before


def test_looking_publishes_what_is_done(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    watch = Bystander()

    bench.restore(bench.dump(source18), target18, watch=watch)

    phases = list(dict.fromkeys(progress.phase for progress in watch.published))
    assert phases == ["preflight", "restore", "compare"]
    assert watch.published[-1].tables_total == 5
