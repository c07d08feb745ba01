"""Take from a database what is compared: rows, digests, large objects, facts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from chalicelib.domain.backup import SourceCounts
from chalicelib.domain.block_digest import LargeObjectSum, object_hash
from chalicelib.domain.facts import CopyDigest, DatabaseFacts, LargeObjects
from chalicelib.domain.proof import Contents, Unproven
from chalicelib.engine.catalogue import Table, tables
from chalicelib.engine.connection import Session
from chalicelib.engine.counts import count_tables
from chalicelib.engine.proof import facts
from chalicelib.engine.proof.copy_text import RowDigest, TableText, described

BEGIN: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# A scan by several processes does not keep the order of the rows.
ONE_PROCESS: Final = b"SET LOCAL max_parallel_workers_per_gather = 0"
ROWS_AT_ONCE_BYTES: Final = 1 << 18
LARGE_OBJECT_PIECE: Final = 1 << 20
LARGE_OBJECTS_AT_ONCE: Final = 1000
SET: Final = b"SELECT pg_catalog.set_config(%s, %s, false)"

# Order plays no part: what is summed are 64 bit hashes of the rows' text.
ROW_SUM: Final = (
    "SELECT coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM ONLY {} t"
)
_MONEY: Final = b"""
SELECT DISTINCT n.nspname || '.' || c.relname FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.atttypid IN ('money'::regtype, 'money[]'::regtype) AND a.attnum > 0
"""


@dataclass(frozen=True)
class Taken:
    """Hold what a database has, in the forms that are compared."""

    counts: SourceCounts
    facts: DatabaseFacts
    digests: Mapping[str, CopyDigest] | None = None
    row_sums: Mapping[str, str] | None = None
    large_objects: LargeObjects | None = None
    unproven: tuple[Unproven, ...] = ()
    undigested: frozenset[str] = frozenset()

    @property
    def contents(self) -> Contents:
        """The same, ready to compare."""
        return Contents(
            rows={f"{one.schema_name}.{one.table}": one.rows for one in self.counts.tables},
            row_sums=self.row_sums,
            digests=self.digests,
            sequences=self.facts.sequences,
            large_objects=self._read_objects or self.facts.large_objects,
            definitions=self.facts.definitions,
            ignored=frozenset(self.counts.uncounted),
            undigested=self.undigested,
        )

    @property
    def _read_objects(self) -> LargeObjects | None:
        read, rights = self.large_objects, self.facts.large_objects.rights
        return read and read.model_copy(update={"rights": rights})


def take(session: Session, settings: Mapping[str, str], texts: Mapping[str, TableText]) -> Taken:
    """Take everything of a restored copy, the tables of `texts` with their digests.

    `settings` are the source's, under which its values were written as text.
    """
    unproven = write_as(session, settings)
    session.execute(BEGIN)
    session.execute(ONE_PROCESS)
    found = tables(session)
    counts = count_tables(session, found)
    known = facts.take(session, facts.sequences(session))
    skipped = money_tables(session) if "lc_monetary" in unproven else set()
    asked = {
        table.label: texts[table.label]
        for table in found
        if table.label in texts and table.label not in skipped
    }
    taken = Taken(
        counts=counts,
        facts=known,
        digests=_digests(session, asked, known.locale.encoding),
        undigested=frozenset(skipped),
        large_objects=large_objects(session) if texts else None,
        unproven=tuple(unproven.values()),
    )
    session.execute(b"ROLLBACK")
    return taken


def take_unordered(session: Session, settings: Mapping[str, str] | None) -> Taken:
    """Take everything of a database whose rows may lie in any order, in one snapshot."""
    unproven = write_as(session, settings or {})
    session.execute(BEGIN)
    session.execute(ONE_PROCESS)
    found = tables(session)
    counts = count_tables(session, found)
    taken = Taken(
        counts=counts,
        facts=facts.take(session, facts.sequences(session)),
        row_sums={
            table.label: _row_sum(session, table) for table in found if table.why_uncounted is None
        },
        unproven=tuple(unproven.values()),
    )
    session.execute(b"ROLLBACK")
    return taken


def write_as(session: Session, settings: Mapping[str, str]) -> dict[str, Unproven]:
    """Take over settings; return what this server cannot do, by the setting's name."""
    unproven = {}
    for name, value in settings.items():
        try:
            session.execute(SET, (name, value))
        except psycopg.errors.InvalidParameterValue:
            unproven[name] = Unproven(
                what=f"values that depend on {name}", reason=f"the server has no {value}"
            )
    return unproven


def _digests(
    session: Session, texts: Mapping[str, TableText], encoding: str
) -> dict[str, CopyDigest]:
    with encoded_as(session, encoding):
        return {name: read_rows(session, t.question).digest() for name, t in texts.items()}


@contextmanager
def encoded_as(session: Session, encoding: str) -> Iterator[None]:
    """Have texts come in another encoding for a block of the transaction.

    pg_dump writes in that of the database.
    """
    session.execute(sql.SQL("SET LOCAL client_encoding = {}").format(sql.Literal(encoding)))
    yield
    session.execute(b"SET LOCAL client_encoding = 'UTF8'")


def read_rows(session: Session, question: bytes) -> RowDigest:
    """Read rows by a COPY statement, digesting them as they come."""
    rows = RowDigest()
    some: list[bytes | bytearray | memoryview] = []
    some_bytes = 0
    with session.cursor() as cursor, cursor.copy(question) as copy:
        for data in copy:
            # one row comes at a time, and digesting each by itself takes a quarter longer
            some.append(data)
            some_bytes += len(data)
            if some_bytes > ROWS_AT_ONCE_BYTES:
                rows.add(memoryview(b"".join(some)))
                some, some_bytes = [], 0
    rows.add(memoryview(b"".join(some)))
    return rows


def _row_sum(session: Session, table: Table) -> str:
    name = sql.Identifier(table.schema_name, table.name)
    row = session.execute(sql.SQL(ROW_SUM).format(name)).fetchone()
    return str(row[0]) if row else "0"


def large_objects(session: Session) -> LargeObjects:
    """Read every large object of the transaction's snapshot."""
    total = LargeObjectSum()
    with session.cursor("large_objects") as cursor:
        cursor.itersize = LARGE_OBJECTS_AT_ONCE
        cursor.execute(b"SELECT oid::int8 FROM pg_largeobject_metadata")
        for (oid,) in cursor:
            sha256 = object_hash(oid)
            size_bytes = _read_large_object(session, oid, sha256)
            total.add(size_bytes, sha256.digest())
    return described(total)


def _read_large_object(session: Session, oid: int, sha256: hashlib._Hash) -> int:
    offset = 0
    piece = LARGE_OBJECT_PIECE
    question = b"SELECT pg_catalog.lo_get(%s::oid, %s, %s)"
    while True:
        row = session.execute(question, (oid, offset, piece)).fetchone()
        data = bytes(row[0]) if row else b""
        sha256.update(data)
        offset += len(data)
        if len(data) < piece:
            return offset


def money_tables(session: Session) -> set[str]:
    """Name the tables whose text depends on lc_monetary."""
    return {str(row[0]) for row in session.execute(_MONEY).fetchall()}
