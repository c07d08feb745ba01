"""The catalog on a SQLite file, for any kind of record.

A record is one row with its document as JSON. What it can be listed by stands in `entries`, one
row per index of its kind, so that every list is a range of one index, read from its newer end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from chalicelib.adapters.embedded.sqlite_file import Schema, SqliteFile
from chalicelib.domain.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RevisionConflict,
    StorageFailed,
)
from chalicelib.domain.record import (
    MAX_SCAN,
    Insert,
    Page,
    Put,
    Query,
    Record,
    Remove,
    Replace,
    Write,
)

R = TypeVar("R", bound=Record)
Row = tuple[str, int, str]

SCHEMA: Final = Schema(
    "catalog",
    (
        (
            """
            CREATE TABLE records (
                kind TEXT NOT NULL,
                id TEXT NOT NULL,
                revision INTEGER NOT NULL,
                document TEXT NOT NULL,
                PRIMARY KEY (kind, id)
            )
            """,
            """
            CREATE TABLE entries (
                kind TEXT NOT NULL,
                id TEXT NOT NULL,
                field TEXT NOT NULL,
                value TEXT,
                PRIMARY KEY (kind, id, field)
            ) WITHOUT ROWID
            """,
            "CREATE INDEX entries_by_value ON entries (kind, field, value, id)",
        ),
    ),
)

GET: Final = "SELECT id, revision, document FROM records WHERE kind = ? AND id = ?"
FIND_ALL: Final = """
    SELECT id, revision, document FROM records
    WHERE kind = :kind AND id > :after AND id < :before
    ORDER BY id DESC LIMIT :rows
"""
# CROSS JOIN is SQLite's way to fix the order: first the range of the index, then its records.
FIND_BY_INDEX: Final = """
    SELECT records.id, revision, document
    FROM entries CROSS JOIN records ON records.kind = entries.kind AND records.id = entries.id
    WHERE entries.kind = :kind AND field = :field AND value = :value
      AND entries.id > :after AND entries.id < :before
    ORDER BY entries.id DESC LIMIT :rows
"""
_INSERT: Final = "INSERT INTO records VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
_REPLACE: Final = """
    UPDATE records SET revision = revision + 1, document = ?
    WHERE kind = ? AND id = ? AND revision = ?
"""
_PUT: Final = """
    INSERT INTO records VALUES (?, ?, 1, ?)
    ON CONFLICT DO UPDATE SET revision = revision + 1, document = excluded.document
"""
_REMOVE: Final = "DELETE FROM records WHERE kind = ? AND id = ? AND revision = ?"
_ADD_ENTRY: Final = """
    INSERT INTO entries VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value
"""
_DROP_ENTRIES: Final = "DELETE FROM entries WHERE kind = ? AND id = ?"


class SqliteCatalog:
    """Keep records in one file that any number of threads and processes may open."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it."""
        self._file = SqliteFile(path, SCHEMA)

    def get(self, kind: type[R], record_id: str) -> R:
        """Return the record; NotFound when there is none."""
        with self._file.reading() as connection:
            row = connection.execute(GET, (kind.kind, record_id)).fetchone()
        if row is None:
            raise NotFound(f"there is no {kind.kind} {record_id}")
        return _record(kind, row)

    def find(self, query: Query[R]) -> Page[R]:
        """Return one page of records, newest first, out of one range of one index."""
        statement, values = _range(query)
        with (
            self._file.reading() as connection,
            closing(connection.execute(statement, values)) as rows,
        ):
            return _page(query, rows)

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; the revisions are compared inside the transaction."""
        if not writes:
            return
        with self._file.writing() as connection:
            for write in writes:
                _apply(connection, write)

    def close(self) -> None:
        """Close the file; further calls raise StorageFailed."""
        self._file.close()


def _range(query: Query[R]) -> tuple[str, dict[str, object]]:
    if query.limit < 1:
        raise InvalidRequest("a page holds at least one record", field="limit")
    values: dict[str, object] = {
        "kind": query.kind.kind,
        "after": query.after_id or "",
        # SQLite sorts every blob behind every text: an upper bound that lets all ids through.
        "before": b"" if query.before_id is None else query.before_id,
        "rows": MAX_SCAN + 1,
    }
    if query.index is None:
        return FIND_ALL, values
    field, value = query.index
    if field not in query.kind.indexes:
        raise InvalidRequest(f"a {query.kind.kind} cannot be listed by {field}", field=field)
    return FIND_BY_INDEX, values | {"field": field, "value": value}


def _page(query: Query[R], rows: Iterator[Row]) -> Page[R]:
    # The row that ends the loop early is only peeked at, to know that something is left.
    items: list[R] = []
    last_id: str | None = None
    for scanned, row in enumerate(rows):
        if len(items) == query.limit or scanned == MAX_SCAN:
            return Page(tuple(items), last_id)
        last_id = row[0]
        record = _record(query.kind, row)
        if query.keep is None or query.keep(record):
            items.append(record)
    return Page(tuple(items), None)


def _record(kind: type[R], row: Row) -> R:
    record_id, revision, document = row
    try:
        record = kind.model_validate_json(document)
    except ValidationError as error:
        raise StorageFailed(
            f"the stored {kind.kind} {record_id} cannot be read",
            hint="It was written by another version of Holdfast; use that version.",
        ) from error
    # nobody has the record yet; a copy of it would cost more than reading it did
    object.__setattr__(record, "revision", revision)
    return record


def _apply(connection: sqlite3.Connection, write: Write) -> None:
    record = write.record
    key = (record.kind, record.id)
    match write:
        case Insert():
            if _changed(connection, _INSERT, (*key, _document(record))) == 0:
                raise Conflict(f"{record.kind} {record.id} exists already")
        case Replace():
            values = (_document(record), *key, record.revision)
            _require_revision(record, _changed(connection, _REPLACE, values))
        case Remove():
            _require_revision(record, _changed(connection, _REMOVE, (*key, record.revision)))
            connection.execute(_DROP_ENTRIES, key)
            return
        case Put():
            connection.execute(_PUT, (*key, _document(record)))
    _index(connection, record)


def _index(connection: sqlite3.Connection, record: Record) -> None:
    for field in record.indexes:
        value = getattr(record, field)
        text = None if value is None else str(value)
        connection.execute(_ADD_ENTRY, (record.kind, record.id, field, text))


def _changed(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    return connection.execute(statement, values).rowcount


def _require_revision(record: Record, changed: int) -> None:
    if changed == 0:
        raise RevisionConflict(
            f"{record.kind} {record.id} is not at revision {record.revision} any more"
        )


def _document(record: Record) -> str:
    # The revision has a column of its own, so that the compare and the count are one statement.
    return record.model_dump_json(exclude={"revision"})
