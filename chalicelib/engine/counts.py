"""Count the source's rows and take its facts inside the dump's snapshot, beside the dump."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from chalicelib.domain.backup import SourceCounts, TableCount
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.engine.catalogue import Table, large_objects
from chalicelib.engine.connection import Session, translated
from chalicelib.engine.proof import facts
from chalicelib.engine.sessions import Sessions
from chalicelib.engine.snapshot import BEGIN, Snapshot

# One round trip per table; the savepoint keeps the snapshot when a single table is locked.
COUNT: Final = "SAVEPOINT one; SELECT count(*) FROM ONLY {}; RELEASE SAVEPOINT one"
# A count beside a dump must not take more processors of the source than the dump itself.
ONE_PROCESS: Final = b"SET LOCAL max_parallel_workers_per_gather = 0"
LOCKED: Final = "another session held a lock on it"


Again = Callable[[Session, SourceCounts, DatabaseFacts], DatabaseFacts]
"""Add to the facts what takes a second reading of the rows."""


@dataclass(frozen=True)
class Look:
    """Say what of a source is looked at beside its dump."""

    has_rows: bool
    again: Again | None = None


def count(
    sessions: Sessions, snapshot: Snapshot, imported: threading.Event, wanted: Look
) -> SourceCounts:
    """Count every table of the snapshot in a session of its own; sets `imported` early.

    Runs in a thread. A table that stays locked is listed as uncounted; other failures raise.
    """
    session = sessions.open()
    with translated(sessions.connection, started=True):
        session.execute(BEGIN)
        statement = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot.id))
        session.execute(statement)
        imported.set()
        session.execute(ONE_PROCESS)
        # a schema dump holds neither rows nor large objects
        counted = count_tables(session, snapshot.tables) if wanted.has_rows else SourceCounts()
        known = facts.take(session, snapshot.sequences)
        if wanted.again is not None:
            known = wanted.again(session, counted, known)
        session.execute(b"COMMIT")
        session.close()
    return counted.model_copy(update={"facts": known})


def count_tables(session: Session, tables: tuple[Table, ...]) -> SourceCounts:
    """Count these tables in the transaction that is open."""
    counted: list[TableCount] = []
    uncounted: dict[str, str] = {}
    for table in tables:
        if table.why_uncounted is not None:
            uncounted[table.label] = table.why_uncounted
            continue
        rows = _rows(session, table)
        if rows is None:
            uncounted[table.label] = LOCKED
        else:
            counted.append(TableCount(schema_name=table.schema_name, table=table.name, rows=rows))
    return SourceCounts(
        tables=tuple(counted), large_objects=large_objects(session), uncounted=uncounted
    )


def _rows(session: Session, table: Table) -> int | None:
    name = sql.Identifier(table.schema_name, table.name)
    try:
        cursor = session.execute(sql.SQL(COUNT).format(name))
    except psycopg.errors.LockNotAvailable:
        session.execute(b"ROLLBACK TO SAVEPOINT one")
        return None
    cursor.nextset()  # past the answer to SAVEPOINT
    row = cursor.fetchone()
    return int(row[0]) if row else 0
