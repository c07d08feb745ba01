"""Compare two databases: the rows of every table, sequences, large objects, and kinds of objects.

Rows are compared by count and by a digest that does not depend on their order: the sum of a 64 bit
hash of each row's text, computed by the server, so that no row crosses the network. It finds every
accident; it is not made against somebody who forges rows. Needs PostgreSQL 11 on both sides, and
tells the truth about a source only while nobody writes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

# Row text depends on these; both sides must write it in the same way.
SESSION: Final[tuple[LiteralString, ...]] = (
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET intervalstyle = 'postgres'",
    "SET extra_float_digits = 1",
    "SET bytea_output = 'hex'",
    "SET search_path = pg_catalog",
    "SET lc_monetary = 'C'",
)

_OURS: Final[LiteralString] = """
    n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_TABLES: Final[LiteralString] = """
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND {}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1, 2
"""
_SEQUENCES: Final[LiteralString] = """
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND {} ORDER BY 1, 2
"""
_ROWS: Final[LiteralString] = """
    SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM ONLY {} t
"""
_LARGE_OBJECTS: Final[LiteralString] = """
    SELECT count(*),
        coalesce(sum(hashtextextended(oid || ' ' || md5(lo_get(oid)), 0)::numeric), 0)::text
    FROM pg_largeobject_metadata
"""
# One line per kind: what it is called, and where its definitions are counted and hashed.
_KINDS: Final[tuple[tuple[str, LiteralString], ...]] = (
    (
        "relations and their columns",
        """
        SELECT n.nspname || c.relname || c.relkind::text || c.relpersistence::text ||
            c.relrowsecurity || coalesce(pg_get_expr(c.relpartbound, c.oid), '') ||
            coalesce((SELECT string_agg(concat_ws(' ', quote_ident(a.attname),
                format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
                a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)), ',' ORDER BY a.attnum)
              FROM pg_attribute a LEFT JOIN pg_attrdef d
                ON d.adrelid = a.attrelid AND d.adnum = a.attnum
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        """,
    ),
    (
        "indexes",
        """
        SELECT pg_get_indexdef(i.indexrelid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE true
        """,
    ),
    (
        "constraints",
        """
        SELECT n.nspname || o.conname || o.conrelid::regclass || pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
        WHERE o.contype <> 'n'
        """,
    ),
    (
        "functions",
        """
        SELECT CASE WHEN p.prokind = 'a' THEN p.oid::regprocedure::text
            ELSE pg_get_functiondef(p.oid) END
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE true
        """,
    ),
    (
        "types",
        """
        SELECT n.nspname || t.typname || t.typtype::text || coalesce((SELECT
            string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
            FROM pg_enum e WHERE e.enumtypid = t.oid), '')
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype IN ('e', 'd', 'c', 'r')
        """,
    ),
    (
        "views",
        """
        SELECT n.nspname || c.relname || pg_get_viewdef(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm')
        """,
    ),
    (
        "triggers",
        """
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal
        """,
    ),
    (
        "policies",
        """
        SELECT concat_ws(' ', n.nspname, c.relname, p.polname, p.polcmd::text,
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE true
        """,
    ),
    (
        "comments",
        """
        SELECT concat_ws(' ', n.nspname, c.relname, a.attname, quote_literal(d.description))
        FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 1259
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE true
        """,
    ),
)


@dataclass(frozen=True)
class Facts:
    """Hold a count and a digest over the things counted."""

    count: int
    digest: str


@dataclass(frozen=True)
class Contents:
    """Describe a whole database in values that can be compared; keys are names people read."""

    server_major: int
    tables: Mapping[str, Facts]
    sequences: Mapping[str, Facts]
    kinds: Mapping[str, Facts]
    large_objects: Facts


@dataclass(frozen=True)
class Difference:
    """Say how one thing compares; None means that a side does not have it."""

    what: str
    source: Facts | None
    restored: Facts | None

    @property
    def equal(self) -> bool:
        """Whether both sides have it with the same contents."""
        return self.source is not None and self.source == self.restored


def contents(
    connection: psycopg.Connection[Any], check: Callable[[], object] = lambda: None
) -> Contents:
    """Read what a database holds, in one snapshot; changes nothing.

    `check` is called between any two tables and may raise to stop.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for statement in SESSION:
            connection.execute(statement)
        return Contents(
            server_major=connection.info.server_version // 10_000,
            tables=_tables(connection, check),
            sequences=_sequences(connection),
            kinds={name: _kind(connection, query) for name, query in _KINDS},
            large_objects=_facts(connection, sql.SQL(_LARGE_OBJECTS)),
        )


def compare(source: Contents, restored: Contents) -> tuple[Difference, ...]:
    """Return one line per table, sequence and kind of object, equal ones too.

    Two major versions may write the same definition in two ways, so between them kinds of objects
    are compared by count only.
    """
    if source.server_major != restored.server_major:
        source, restored = _only_counts(source), _only_counts(restored)
    return (
        *_side_by_side("table", source.tables, restored.tables),
        *_side_by_side("sequence", source.sequences, restored.sequences),
        *_side_by_side("all", source.kinds, restored.kinds),
        Difference("large objects", source.large_objects, restored.large_objects),
    )


def _only_counts(one: Contents) -> Contents:
    return replace(one, kinds={name: Facts(facts.count, "") for name, facts in one.kinds.items()})


def _side_by_side(
    what: str, source: Mapping[str, Facts], restored: Mapping[str, Facts]
) -> tuple[Difference, ...]:
    names = list(dict.fromkeys([*source, *restored]))
    return tuple(
        Difference(f"{what} {name}", source.get(name), restored.get(name)) for name in names
    )


def _tables(connection: psycopg.Connection[Any], check: Callable[[], object]) -> dict[str, Facts]:
    found = {}
    for schema, table in connection.execute(_ours(_TABLES)).fetchall():
        check()
        # ONLY, for each partition and each child has a line of its own
        statement = sql.SQL(_ROWS).format(sql.Identifier(schema, table))
        found[f"{schema}.{table}"] = _facts(connection, statement)
    return found


def _sequences(connection: psycopg.Connection[Any]) -> dict[str, Facts]:
    statement = sql.SQL("SELECT last_value, is_called::text FROM {}")
    names = connection.execute(_ours(_SEQUENCES)).fetchall()
    return {
        f"{schema}.{name}": _facts(connection, statement.format(sql.Identifier(schema, name)))
        for schema, name in names
    }


def _kind(connection: psycopg.Connection[Any], query: LiteralString) -> Facts:
    counted = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(x.definition, 0)::numeric), 0)::text"
        " FROM ({} AND {}) x(definition)"
    )
    return _facts(connection, counted.format(sql.SQL(query), sql.SQL(_OURS)))


def _ours(query: LiteralString) -> sql.Composed:
    return sql.SQL(query).format(sql.SQL(_OURS))


def _facts(connection: psycopg.Connection[Any], statement: sql.SQL | sql.Composed) -> Facts:
    row = connection.execute(statement).fetchone()
    return Facts(0, "") if row is None else Facts(row[0], row[1])
