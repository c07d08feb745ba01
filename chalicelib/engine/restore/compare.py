"""Compare the target's rows with the counts that were taken inside the dump's snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg import sql

from chalicelib.domain.backup import SourceCounts, TableCount
from chalicelib.domain.restore import MAX_NOTES, Comparison, TableDifference
from chalicelib.engine.catalogue import large_objects
from chalicelib.engine.connection import Session

COUNT: Final = "SELECT count(*) FROM ONLY {}"
BLOBS: Final = "large objects"


def compare(
    session: Session,
    expected: Sequence[TableCount],
    counts: SourceCounts,
    beat: Callable[[], object],
    *,
    with_blobs: bool,
) -> Comparison:
    """Count every expected table in the target; a table that is not there differs."""
    differences = []
    for table in expected:
        beat()
        found = _rows(session, table)
        if found != table.rows:
            name = f"{table.schema_name}.{table.table}"
            differences.append(TableDifference(table=name, expected=table.rows, found=found))
    blobs = large_objects(session) if with_blobs and counts.large_objects is not None else None
    if blobs is not None and blobs != counts.large_objects:
        expected_blobs = counts.large_objects or 0
        differences.append(TableDifference(table=BLOBS, expected=expected_blobs, found=blobs))
    return Comparison(
        tables=len(expected),
        rows=sum(table.rows for table in expected),
        large_objects=blobs,
        differences=tuple(differences[:MAX_NOTES]),
        differences_total=len(differences),
        not_compared=dict(list(counts.uncounted.items())[:MAX_NOTES]),
    )


def _rows(session: Session, table: TableCount) -> int | None:
    name = sql.Identifier(table.schema_name, table.table)
    try:
        row = session.execute(sql.SQL(COUNT).format(name)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return int(row[0]) if row else 0
