"""F1 to F3: the database refuses, the way to it breaks, the server dies or says no midway."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from typing import Final

from chalicelib.domain.connection import Connection, SslMode
from tests.faults.cells import COMPLETED, Act, Cell, Draw, Trial, ends
from tests.faults.stand import Stand
from tests.support.dumping import connected, endpoint_of, execute, locked
from tests.support.proxy import Proxy
from tests.support.waiting import PATIENCE_S, await_that

SHORT_S: Final = 0.9
"""A deadline for runs that hang: time enough for a whole dump here."""
ALLOWED_MS: Final = 150
"""What a role allows, long enough for any of a client's first statements on a busy machine."""
LOST: Final = ends("source_lost", "source_unreachable")
OURS: Final = "application_name LIKE 'holdfast %'"
Strike = Callable[[Stand, Proxy], None]


def refusing(code: str, change: Callable[[Connection], Connection]) -> Act:
    """Ask for a backup of a database that will not be reached."""

    def act(stand: Stand, draw: Draw) -> Trial:
        backup = stand.stack.request(change(stand.source))
        stand.run(backup)
        return Trial(backup, ends(code))

    return act


def newer_than_every_client(stand: Stand, draw: Draw) -> Trial:
    """Offer clients that call themselves older than the server."""
    folder = stand.clients.parents[2] / "older"
    if not folder.exists():
        folder.mkdir()
        for name in ("pg_dump", "pg_restore"):
            script = f"#!/bin/sh\ncase $1 in --version) echo '{name} (PostgreSQL) 14.2';; esac\n"
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
    backup = stand.stack.request(stand.source)
    stand.run(backup, engine=stand.engine(folder))
    return Trial(backup, ends("version_unsupported"))


def something_else_listens(stand: Stand, draw: Draw) -> Trial:
    """Find somebody on the port who speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        port = int(listener.getsockname()[1])
        backup = stand.stack.request(endpoint_of(stand.source, port=port))
        stand.run(backup)
        listener.shutdown(socket.SHUT_RDWR)
    return Trial(backup, ends("source_unreachable"))


def _greet(listener: socket.socket) -> None:
    with suppress(OSError):  # the listener is closed to end this loop
        while True:
            line, _ = listener.accept()
            with line:
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def again(strike: Strike) -> Strike:
    """Strike at every chance from then on."""

    def act(stand: Stand, proxy: Proxy) -> None:
        strike(stand, proxy)
        proxy.reached.clear()

    return act


def broken(strike: Strike, expected: frozenset[str], *, deadline_s: float = 30.0) -> Act:
    """Do something to the way, or at its other end, when so much of the stream has come."""

    def act(stand: Stand, draw: Draw) -> Trial:
        percent = draw.percent
        struck = Event()

        def at_limit() -> None:
            struck.set()
            strike(stand, proxy)

        with stand.proxy(percent, silent=True) as proxy:
            proxy.at_limit = at_limit
            backup = stand.stack.request(stand.through(proxy))
            stand.run(backup, deadline_s=deadline_s)
        stand.revive()
        return Trial(backup, expected, f"{percent:.1f} %", struck.is_set())

    return act


def killed_when_said(words: bytes) -> Act:
    """Kill the server at a moment of the hand-over of snapshot and exit code."""

    def act(stand: Stand, draw: Draw) -> Trial:
        target = ("127.0.0.1", stand.server.port)
        with Proxy(target, words=words, silent=True) as proxy:
            proxy.at_limit = stand.server.kill
            backup = stand.stack.request(stand.through(proxy))
            stand.run(backup)
        stand.revive()
        return Trial(backup, LOST | COMPLETED, struck=proxy.reached.is_set())

    return act


def cut(stand: Stand, proxy: Proxy) -> None:
    proxy.cut()


def refuse(stand: Stand, proxy: Proxy) -> None:
    proxy.refuse()


def silence(stand: Stand, proxy: Proxy) -> None:
    proxy.strike()


def trickle(stand: Stand, proxy: Proxy) -> None:
    proxy.trickles.set()


def terminate(stand: Stand, proxy: Proxy) -> None:
    execute(stand.source, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")


def cancel_copy(stand: Stand, proxy: Proxy) -> None:
    execute(
        stand.source,
        f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {OURS} AND state = 'active'",
    )


def kill_server(stand: Stand, proxy: Proxy) -> None:
    stand.server.kill()


def kill_backend(stand: Stand, proxy: Proxy) -> None:
    """Kill one backend: the server then ends all the others and recovers."""
    with connected(stand.source) as session:
        query = f"SELECT pid FROM pg_stat_activity WHERE {OURS} ORDER BY backend_start DESC LIMIT 1"
        row = session.execute(query.encode()).fetchone()
    if row is not None:
        os.kill(int(str(row[0])), 9)


def lock_held(stand: Stand, draw: Draw) -> Trial:
    """Hold a lock on a table for as long as the run lasts."""
    table = draw.chance.choice(["orders", "people", "empty_one"])
    backup = stand.stack.request(stand.source)
    with locked(stand.source, table):
        stand.run(backup)
    return Trial(backup, ends("lock_timeout"), table)


def table_created_midway(stand: Stand, draw: Draw) -> Trial:
    """Let another session make and drop tables while the dump runs."""
    with stand.proxy(draw.percent) as proxy:
        proxy.at_limit = lambda: execute(
            stand.source, "CREATE TABLE later AS SELECT 1 AS a", "DROP TABLE later"
        )
        backup = stand.stack.request(stand.through(proxy))
        stand.run(backup)
    return Trial(backup, COMPLETED, struck=proxy.reached.is_set())


@contextmanager
def role(stand: Stand, *statements: str) -> Iterator[Connection]:
    """Give the same database as a role of its own, changed by statements about {role}."""
    name, password = "reader_of_shop", "of-the-reader"
    everything = f"GRANT pg_read_all_data TO {name}"
    execute(stand.source, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'", everything)
    execute(stand.source, "GRANT SELECT ON LARGE OBJECT " + _blobs(stand) + f" TO {name}")
    try:
        execute(stand.source, *(statement.format(role=name) for statement in statements))
        yield Connection(stand.source.endpoint.model_copy(update={"user": name}), password)
    finally:
        execute(stand.source, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def _blobs(stand: Stand) -> str:
    with connected(stand.source) as session:
        rows = session.execute(b"SELECT oid FROM pg_largeobject_metadata").fetchall()
    return ", ".join(str(row[0]) for row in rows)


def with_role(expected: frozenset[str], *statements: str, undo: str | None = None) -> Act:
    """Run as a role that is limited in some way."""

    def act(stand: Stand, draw: Draw) -> Trial:
        with role(stand, *statements) as source:
            backup = stand.stack.request(source)
            stand.run(backup)
            if undo is not None:
                execute(stand.source, undo)
        return Trial(backup, expected)

    return act


def timeouts_of_the_role(stand: Stand, draw: Draw) -> Trial:
    """Let the dump wait for longer than its role, left alone, would be allowed to."""
    settings = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
    changes = [f"ALTER ROLE {{role}} SET {name} = {ALLOWED_MS}" for name in settings]
    with role(stand, *changes) as source, ExitStack() as lock:
        lock.enter_context(locked(stand.source, "people"))
        backup = stand.stack.request(source)
        patient = stand.engine(lock_timeout_s=PATIENCE_S)
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(stand.run, backup, engine=patient)
            try:
                await_that(lambda: _waits(stand, 2 * ALLOWED_MS))
            finally:
                lock.close()
            run.result()
    return Trial(backup, COMPLETED)


def _waits(stand: Stand, longer_than_ms: int) -> bool:
    query = (
        f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'"
        f" AND clock_timestamp() - query_start > {longer_than_ms} * interval '1 ms'"
    )
    with connected(stand.source) as session:
        row = session.execute(query.encode()).fetchone()
    return row != (0,)


def privilege_lost_midway(stand: Stand, draw: Draw) -> Trial:
    """Take the right to read away while the dump has read only a part."""
    with role(stand) as source, stand.proxy(draw.chance.uniform(1, 25)) as proxy:
        revoke = f"REVOKE pg_read_all_data FROM {source.endpoint.user}"
        proxy.at_limit = lambda: execute(stand.source, revoke)
        backup = stand.stack.request(endpoint_of(source, port=proxy.port))
        stand.run(backup)
    return Trial(backup, ends("permission_denied", "completed"), struck=proxy.reached.is_set())


def _wrong_password(source: Connection) -> Connection:
    return Connection(source.endpoint, "not-the-password")


def _closed_port(source: Connection) -> Connection:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    return endpoint_of(source, port=port)


EXCEEDED: Final = ends("deadline_exceeded")
CELLS: Final = (
    Cell("F1", "wrong password", refusing("authentication_failed", _wrong_password)),
    Cell("F1", "no such database", refusing("source_unreachable", lambda s: s.at("no_such"))),
    Cell(
        "F1",
        "no TLS there",
        refusing("tls_failed", lambda s: endpoint_of(s, sslmode=SslMode.REQUIRE)),
    ),
    Cell(
        "F1",
        "no such name",
        refusing("source_unreachable", lambda s: endpoint_of(s, host="no-such-host.invalid")),
    ),
    Cell("F1", "closed port", refusing("source_unreachable", _closed_port)),
    Cell("F1", "another protocol", something_else_listens),
    Cell("F1", "version too new", newer_than_every_client),
    Cell("F2", "cut once", broken(cut, COMPLETED), weight=8),
    Cell("F2", "cut for good", broken(refuse, LOST), weight=8),
    Cell("F2", "silent", broken(silence, EXCEEDED, deadline_s=SHORT_S), weight=4),
    Cell("F2", "one byte a second", broken(trickle, EXCEEDED, deadline_s=SHORT_S), weight=4),
    Cell("F2", "sessions terminated once", broken(terminate, COMPLETED), weight=5),
    Cell("F2", "sessions terminated again", broken(again(terminate), LOST), weight=5),
    Cell("F2", "server killed", broken(kill_server, LOST), weight=8),
    Cell("F2", "backend killed", broken(kill_backend, LOST | COMPLETED), weight=5),
    Cell("F2", "server killed as the snapshot is exported", killed_when_said(b"pg_export_snap")),
    Cell("F2", "server killed as the snapshot is taken", killed_when_said(b"SET TRANSACTION SNAP")),
    Cell("F2", "server killed as the snapshot is released", killed_when_said(b"COMMIT")),
    Cell("F2", "server killed as pg_dump leaves", killed_when_said(b"X\0\0\0\4"), weight=3),
    Cell("F3", "lock held", lock_held, weight=2),
    Cell("F3", "statement cancelled once", broken(cancel_copy, COMPLETED), weight=3),
    Cell("F3", "tables made meanwhile", table_created_midway, weight=2),
    Cell("F3", "role's timeouts", timeouts_of_the_role),
    Cell(
        "F3",
        "row security",
        with_role(
            ends("permission_denied"),
            "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
            undo="ALTER TABLE people DISABLE ROW LEVEL SECURITY",
        ),
    ),
    Cell(
        "F3",
        "no right to read",
        with_role(ends("permission_denied"), "REVOKE pg_read_all_data FROM {role}"),
    ),
    Cell("F3", "right lost midway", privilege_lost_midway, weight=2),
)
