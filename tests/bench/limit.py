"""The bound of every dump: COPY of all tables to nowhere, in sessions under one snapshot.

What the server sends is read off the socket and dropped unparsed, so that neither a client library
nor Python's price per row counts. Nobody who reads all rows through that many sessions is faster.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, Final

import psycopg

from chalicelib.local.postgres import LocalPostgres

END: Final = b"Z\x00\x00\x00\x05T"
"""ReadyForQuery inside a transaction; text of COPY holds no NUL, so it is nowhere else."""

CHUNK_BYTES: Final = 1 << 20
SILENCE_S: Final = 60
Session = psycopg.Connection[tuple[Any, ...]]


def parallel_copy(server: LocalPostgres, tables: Sequence[str], sessions: int) -> float:
    """Return the seconds that all sessions together take, from the first COPY to the last row."""
    with ExitStack() as open_sessions:
        exporter, *readers = (
            open_sessions.enter_context(closing(psycopg.connect(server.url())))
            for _ in range(sessions + 1)
        )
        snapshot = exported(exporter)
        for reader in readers:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            reader.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
        with ThreadPoolExecutor(sessions) as pool:
            began = time.perf_counter()
            shares = [tables[number::sessions] for number in range(sessions)]
            read = list(pool.map(drain, readers, shares))
            seconds = time.perf_counter() - began
        if not all(read):
            raise RuntimeError("a session had nothing to read")
        return seconds


def exported(session: Session) -> str:
    """Export the snapshot that a transaction of this session holds."""
    session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = session.execute("SELECT pg_export_snapshot()").fetchone()
    return str(row[0] if row else "")


def drain(session: Session, tables: Sequence[str]) -> int:
    """Copy tables to nowhere and return the bytes that came; the session is of no more use."""
    copies = "".join(f"COPY {table} TO STDOUT;" for table in tables)
    session.pgconn.send_query(copies.encode())
    session.pgconn.flush()
    line, count, tail = session.pgconn.socket, 0, b""
    while not tail.endswith(END):
        if not select.select([line], [], [], SILENCE_S)[0]:
            raise TimeoutError("the server fell silent")
        chunk = os.read(line, CHUNK_BYTES)
        if not chunk:
            raise ConnectionError("the server hung up")
        count += len(chunk)
        tail = (tail + chunk)[-len(END) :]
    return count
