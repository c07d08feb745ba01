"""Ask the server's catalogue what a dump will hold, without reading rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from chalicelib.engine.connection import Session

# Tables of the schemas that pg_dump dumps. Extensions make their own tables anew at a restore,
# but for the rows of configuration tables, which they may select by a condition of their own.
TABLES: Final = b"""
SELECT c.oid::int8, n.nspname, c.relname, {size}::int8,
       CASE WHEN c.relkind = 'f' THEN 'foreign table: its rows are kept elsewhere'
            WHEN c.relkind = 'm' THEN 'materialised view: a restore computes it again'
            WHEN c.relpersistence = 'u' AND pg_is_in_recovery() THEN
                 'unlogged table: a replica does not have its rows'
            WHEN e.oid IS NULL THEN NULL
            WHEN c.oid = ANY (e.extconfig) THEN
                 'configuration table: its extension selects the rows to dump'
            ELSE 'belongs to an extension, which makes it again' END
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_depend d
         ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
        AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
 WHERE c.relkind IN ('r', 'f', 'm') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY n.nspname, c.relname
"""

EXACT_SIZE: Final = b"pg_table_size(c.oid)"
ROUGH_SIZE: Final = b"(c.relpages::int8 * current_setting('block_size')::int8)"
"""For when a table is locked: the size asks for a lock, the page count of the last analyse not."""

# PostgreSQL has no function for this right before version 18
UNREADABLE_LARGE_OBJECTS: Final = b"""
SELECT count(*) FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT pg_has_role(current_user, m.lomowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'
                    AND (a.grantee = 0 OR pg_has_role(current_user, a.grantee, 'USAGE')))
"""

SIZE_LOCK_TIMEOUT: Final = b"SET LOCAL lock_timeout = '1s'"


@dataclass(frozen=True)
class Table:
    """Describe a table; `why_uncounted` says why its rows cannot be compared with the dump."""

    oid: int
    schema_name: str
    name: str
    size_bytes: int
    why_uncounted: str | None

    @property
    def label(self) -> str:
        """The name as pg_dump prints it."""
        return f"{self.schema_name}.{self.name}"


def tables(session: Session) -> tuple[Table, ...]:
    """List the tables a dump holds, with their sizes; call it inside a transaction."""
    session.execute(b"SAVEPOINT sizes")
    try:
        session.execute(SIZE_LOCK_TIMEOUT)
        found = _tables(session, EXACT_SIZE)
    except psycopg.errors.LockNotAvailable:
        session.execute(b"ROLLBACK TO SAVEPOINT sizes")
        found = _tables(session, ROUGH_SIZE)
    # Rolled back in either case: the locks that sizes took must not be held for hours.
    session.execute(b"ROLLBACK TO SAVEPOINT sizes")
    return found


def unreadable_large_objects(session: Session) -> int:
    """Count the large objects that the session's role may not read."""
    return _number(session, UNREADABLE_LARGE_OBJECTS)


def large_objects(session: Session) -> int:
    """Count the large objects."""
    return _number(session, b"SELECT count(*) FROM pg_catalog.pg_largeobject_metadata")


def database_bytes(session: Session) -> int:
    """Return the size of the database on the server's disk."""
    return _number(session, b"SELECT pg_database_size(current_database())")


def _tables(session: Session, size: bytes) -> tuple[Table, ...]:
    rows = session.execute(TABLES.replace(b"{size}", size)).fetchall()
    return tuple(Table(*row) for row in rows)


def _number(session: Session, query: bytes) -> int:
    row = session.execute(query).fetchone()
    return int(row[0]) if row else 0
