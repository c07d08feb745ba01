"""Count the source's rows and take its facts inside the dump's snapshot, beside the dump."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from chalicelib.domain.backup import BackupType, SourceCounts, TableCount
from chalicelib.domain.dump_scope import EVERYTHING, DumpPart, DumpScope
from chalicelib.domain.facts import DatabaseFacts, LargeObjects
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
MEMBERS: Final = b"""
SELECT p.pubname::text, n.nspname::text, c.relname::text FROM pg_catalog.pg_publication_rel r
  JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
  JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""
NO_ROWS: Final = frozenset({BackupType.SCHEMA})
NO_LARGE_OBJECTS: Final = {"large_objects": 0}


Again = Callable[[Session, SourceCounts, DatabaseFacts], DatabaseFacts]
"""Add to the facts what takes a second reading of the rows."""


@dataclass(frozen=True)
class Look:
    """Say what of a source is looked at beside its dump: what its archives hold."""

    type: BackupType = BackupType.FULL
    scope: DumpScope = EVERYTHING
    parts: tuple[DumpPart, ...] = ()
    again: Again | None = None


@dataclass(frozen=True)
class Counted:
    """Hold the counts of the main archive, and of each part with data by its name."""

    main: SourceCounts
    parts: dict[str, SourceCounts]


def count(
    sessions: Sessions, snapshot: Snapshot, imported: threading.Event, wanted: Look
) -> Counted:
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
        counted = _held(session, snapshot, wanted.type, wanted.scope)
        known = _of_scope(facts.take(session, snapshot.sequences), wanted.scope)
        known = _with_unknown(known, _cut_publications(session, wanted.scope))
        if wanted.again is not None:
            known = wanted.again(session, counted, known)
        parts = {one.name: _held(session, snapshot, one.type, one.scope) for one in wanted.parts}
        session.execute(b"COMMIT")
        session.close()
    with_data = {one.name: parts[one.name] for one in wanted.parts if one.type not in NO_ROWS}
    return Counted(counted.model_copy(update={"facts": known}), with_data)


def _held(session: Session, snapshot: Snapshot, kind: BackupType, scope: DumpScope) -> SourceCounts:
    # a schema dump holds neither rows nor large objects
    if kind in NO_ROWS:
        return SourceCounts()
    held = tuple(one for one in snapshot.tables if scope.holds(one.schema_name, one.name))
    counted = count_tables(session, held)
    return counted if scope.has_large_objects else counted.model_copy(update=NO_LARGE_OBJECTS)


def _of_scope(known: DatabaseFacts, scope: DumpScope) -> DatabaseFacts:
    if scope.has_large_objects or not known.large_objects.count:
        return known
    left_out = f"{known.large_objects.count} of them were left out of the dump"
    none = LargeObjects(count=0, size_bytes=0)
    known = _with_unknown(known, {"large objects": left_out})
    return known.model_copy(update={"large_objects": none})


def _with_unknown(known: DatabaseFacts, more: Mapping[str, str]) -> DatabaseFacts:
    return known.model_copy(update={"unknown": {**known.unknown, **more}}) if more else known


def _cut_publications(session: Session, scope: DumpScope) -> dict[str, str]:
    """Name the publications that come back without a table, because the archive has it not."""
    members = session.execute(MEMBERS).fetchall()
    return {
        f"publication {name}": f"the dump leaves out {schema}.{table}, which belongs to it"
        for name, schema, table in members
        if not scope.holds(schema, table)
    }


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
