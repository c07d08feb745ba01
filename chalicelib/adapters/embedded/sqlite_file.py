"""Own one SQLite file: its connections, transactions, schema and errors.

WAL lets readers go on beside the one writer. Every write transaction begins IMMEDIATE: a
transaction that reads first and writes later fails at once when another wrote in between, and
busy_timeout does not cover that. synchronous=FULL makes an acknowledged commit survive a power cut;
NORMAL lets one that lost power forget the last commits, never a part of one, and a killed process
forgets nothing either way.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Literal

from chalicelib.adapters.embedded.disk import make_folder, sync_folder, translated
from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.domain.errors import StorageFailed

BUSY_TIMEOUT_S: Final = 10.0

_RIGHTS = "Give the user that runs Holdfast the right to write the file and its folder."
_BROKEN = "Keep the file and its -wal as they are, and put a copy of an earlier state in place."

CAUSES: Final[dict[int, tuple[str, str | None]]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free space, then try again."),
    sqlite3.SQLITE_BUSY: ("another process holds it for too long", "Try again in a moment."),
    sqlite3.SQLITE_LOCKED: ("another session holds it for too long", "Try again in a moment."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", _BROKEN),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "Name another file, or move it away."),
    sqlite3.SQLITE_IOERR: ("the disk reported an error", "Check the disk and its free space."),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", _RIGHTS),
    sqlite3.SQLITE_READONLY: ("the file cannot be written", _RIGHTS),
    sqlite3.SQLITE_PERM: ("the permission is missing", _RIGHTS),
}
"""What SQLite's primary result codes mean to us; see https://sqlite.org/rescode.html."""


@dataclass(frozen=True)
class Schema:
    """Name a group of tables, and the steps that lead to them; step n is number n + 1."""

    name: str
    migrations: tuple[tuple[str, ...], ...]


class SqliteFile:
    """Lend connections to one file. Several schemas may share it."""

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
    ) -> None:
        """Open the file, make it if there is none, and bring its tables up to date."""
        self._path = path
        self._schema = schema
        self._busy_timeout_s = busy_timeout_s
        self._synchronous = synchronous
        self._idle: list[sqlite3.Connection] = []
        self._guard = Lock()
        self._closed = False
        try:
            with translated(f"cannot open {path.name}"):
                self._prepare()
        except StorageFailed:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading; every statement sees the newest commit."""
        with sqlite_errors(self._path), self._lent() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction, which an exception rolls back."""
        with (
            sqlite_errors(self._path),
            self._lent() as connection,
            _transaction(connection),
        ):
            yield connection

    def close(self) -> None:
        """Close the connections; those on loan close when they come back."""
        with self._guard:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            connection.close()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        connection = self._taken()
        try:
            yield connection
        finally:
            self._returned(connection)

    def _taken(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise StorageFailed(f"{self._path.name} is closed", hint="Open it again.")
            if self._idle:
                return self._idle.pop()
        return self._connected()

    def _returned(self, connection: sqlite3.Connection) -> None:
        # A transaction that is still open could not be rolled back; closing drops it.
        with self._guard:
            if not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()

    def _connected(self) -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time, so SQLite's own check can rest.
        connection = sqlite3.connect(
            self._path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        return connection

    def _prepare(self) -> None:
        # Switching to WAL fails at once, not after a wait, when two processes do it together.
        make_folder(self._path.parent)
        with locked(self._path.with_name(self._path.name + ".lock")), sqlite_errors(self._path):
            self._create()
            with self._lent() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                self._migrate(connection)

    def _create(self) -> None:
        # O_EXCL, because opening and closing a file that SQLite has open drops SQLite's locks.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            sync_folder(self._path.parent)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        known = len(self._schema.migrations)
        applied = _applied(connection, self._schema.name)
        if applied > known:
            raise StorageFailed(
                f"{self._path.name} was written by a newer version (step {applied} of {known})",
                hint="Install that version of Holdfast or a newer one.",
            )
        if applied < known:
            with _transaction(connection):
                _apply(connection, self._schema, applied)


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StorageFailed by the table."""
    try:
        yield
    except sqlite3.Error as error:
        # Primary codes are the low byte; the rest only says where inside SQLite it happened.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        cause, hint = CAUSES.get(code, (f"sqlite says {error}", None))
        raise StorageFailed(f"{path.name} failed: {cause}", hint=hint) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _applied(connection: sqlite3.Connection, schema: str) -> int:
    exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'"
    if connection.execute(exists).fetchone()[0] == 0:
        return 0
    highest = "SELECT coalesce(max(number), 0) FROM migrations WHERE schema = ?"
    return int(connection.execute(highest, (schema,)).fetchone()[0])


def _apply(connection: sqlite3.Connection, schema: Schema, applied: int) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (schema TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (schema, number))"
    )
    steps: Sequence[tuple[str, ...]] = schema.migrations[applied:]
    for number, statements in enumerate(steps, start=applied + 1):
        for statement in statements:
            connection.execute(statement)
        connection.execute("INSERT INTO migrations VALUES (?, ?)", (schema.name, number))
