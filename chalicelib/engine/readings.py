"""Answer questions under the dump's snapshot, as lines of an artefact, without holding them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from chalicelib.domain.connection import Connection
from chalicelib.domain.dump_scope import Reading
from chalicelib.domain.errors import Internal
from chalicelib.engine.connection import Session, translated

LINES_AT_ONCE: Final = 1000
FETCH: Final = f"FETCH {LINES_AT_ONCE} FROM holdfast_lines".encode()
CLOSE: Final = b"CLOSE holdfast_lines"
IS_THERE: Final = b"""
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s)
"""


def batches(connection: Connection, session: Session, reading: Reading) -> Iterator[bytes]:
    """Yield the lines of a reading, each ended by a line feed, many at a time.

    The session is inside a transaction, and nobody else's meanwhile. No batch is empty.
    """
    with translated(connection, started=True):
        if reading.needs is not None and not _is_there(session, reading.needs):
            return
        declaration = f"DECLARE holdfast_lines NO SCROLL CURSOR FOR {reading.sql}"
        session.execute(declaration.encode())
        while rows := session.execute(FETCH).fetchall():
            yield "".join(_line(reading, row) for row in rows).encode()
        session.execute(CLOSE)


def _is_there(session: Session, relation: tuple[str, str]) -> bool:
    return session.execute(IS_THERE, relation).fetchone() == (True,)


def _line(reading: Reading, row: tuple[Any, ...]) -> str:
    if len(row) != 1 or not isinstance(row[0], str) or "\n" in row[0]:
        raise Internal(f"a reading for {reading.name} answers something that is no line")
    return f"{row[0]}\n"
