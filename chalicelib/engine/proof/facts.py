"""Take the facts of a database: the same questions for a source and for a restored copy.

Everything but rows: sequences, large objects, definitions, roles, locale. The caller has a
transaction open, whose snapshot holds for all but sequences, which know none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from chalicelib.domain.facts import (
    DatabaseFacts,
    LargeObjects,
    LocaleFact,
    RoleFact,
    SequenceFact,
)
from chalicelib.engine.connection import Session
from chalicelib.engine.proof import definition_queries, rare_definition_queries

SEQUENCES_AT_ONCE: Final = 100
MAJOR: Final = 10_000

TEXT_SETTINGS: Final = ("TimeZone", "bytea_output", "lc_monetary", "xmlbinary")
"""What besides our own session settings decides how values are written as text."""

_DATABASE: Final = b"""
SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
       pg_catalog.to_jsonb(d) ->> 'datlocprovider',
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale'),
       pg_catalog.pg_database_size(d.oid)
  FROM pg_database d WHERE d.datname = pg_catalog.current_database()
"""
# Owners and grantees; the bootstrap superuser is needed by every database and recorded for none.
_ROLES: Final = b"""
SELECT r.rolname::text, r.rolsuper FROM pg_roles r WHERE r.rolname !~ '^pg_' AND (r.oid = 10
   OR EXISTS (SELECT FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
       WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
       AND d.datname = pg_catalog.current_database()))
 ORDER BY 1
"""
_EXTENSIONS: Final = b"SELECT extname::text, extversion FROM pg_extension ORDER BY 1"
# Seeking to the end tells a large object's length without reading it; 262144 opens it to read.
_LARGE_OBJECTS: Final = b"""
SELECT count(*), coalesce(sum(z.size), 0)::int8 FROM (
    SELECT pg_catalog.lo_lseek64(o.fd, 0, 2) AS size, pg_catalog.lo_close(o.fd)
      FROM (SELECT pg_catalog.lo_open(m.oid, 262144) AS fd
              FROM pg_largeobject_metadata m OFFSET 0) o OFFSET 0) z
"""
# A sum, not a definition for each: a database may have millions of them.
_LARGE_OBJECT_RIGHTS: Final[LiteralString] = (
    """
SELECT coalesce(sum(hashtextextended(ROW(m.oid, pg_catalog.pg_get_userbyid(m.lomowner), """
    + definition_queries.rights("m.lomacl", "L", "m.lomowner")
    + ", "
    + definition_queries.said("pg_largeobject", "m.oid")
    + """)::text, 0)::numeric), 0)::text FROM pg_largeobject_metadata m
"""
)
_LABELS: Final = b"SELECT count(*) FROM pg_seclabel"
_GENERATED: Final = b"""
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '')
 ORDER BY 1
"""
_PROVIDERS: Final = {"c": "libc", "i": "icu", "b": "builtin", None: "libc"}


def take(session: Session, sequences: dict[str, SequenceFact]) -> DatabaseFacts:
    """Ask for everything; what cannot be read is listed under `unknown` with the reason.

    `sequences` are taken by the caller, who knows when.
    """
    unknown: dict[str, str] = {}
    locale, size_bytes = _database(session)
    if _number(session, _LABELS):
        unknown["security labels"] = "a restore needs the module that gave them"
    for name in generated(session):
        unknown[f"generated columns of {name}"] = "a restore computes them again"
    return DatabaseFacts(
        major=session.info.server_version // MAJOR,
        database_bytes=size_bytes,
        locale=locale,
        text_settings=_text_settings(session),
        roles=tuple(RoleFact(name=r[0], is_superuser=r[1]) for r in _all(session, _ROLES)),
        extensions={str(name): str(version) for name, version in _all(session, _EXTENSIONS)},
        sequences=sequences,
        large_objects=large_objects(session, unknown),
        definitions=definitions(session, unknown),
        unknown=unknown,
    )


def sequences(session: Session) -> dict[str, SequenceFact]:
    """Say where every sequence stands right now, whatever the snapshot."""
    return positions(session, sequence_names(session))


def sequence_names(session: Session) -> list[tuple[str, str]]:
    """List the sequences, each by schema and name."""
    return session.execute(definition_queries.SEQUENCE_NAMES).fetchall()


def positions(session: Session, names: list[tuple[str, str]]) -> dict[str, SequenceFact]:
    """Say where these sequences stand right now."""
    return dict(itertools.chain.from_iterable(_positions(session, some) for some in _some(names)))


def between(
    before: dict[str, SequenceFact], after: dict[str, SequenceFact]
) -> dict[str, SequenceFact]:
    """Join two looks: a sequence that moved in between says until where."""
    return {
        name: fact
        if after.get(name, fact) == fact
        else fact.model_copy(update={"until": after[name].last_value})
        for name, fact in before.items()
    }


def generated(session: Session) -> list[str]:
    """Name the tables with generated columns."""
    return [str(row[0]) for row in session.execute(_GENERATED).fetchall()]


def definitions(session: Session, unknown: dict[str, str]) -> dict[str, dict[str, str]]:
    """Digest the definition of every object; a class that cannot be read goes to `unknown`."""
    queries = {**definition_queries.QUERIES, **rare_definition_queries.QUERIES}
    found: dict[str, dict[str, str]] = {}
    for kind, query in queries.items():
        rows = _digests(session, query)
        if rows is None:
            unknown[f"every {kind}"] = "its definition could not be read while others changed it"
        elif rows:
            found[kind] = rows
    return found


def large_objects(session: Session, unknown: dict[str, str]) -> LargeObjects:
    """Count the large objects and their bytes, and sum up their rights, without reading them."""
    rights = str(_one(session, _LARGE_OBJECT_RIGHTS.encode())[0])
    try:
        with session.transaction():
            count, size_bytes = _one(session, _LARGE_OBJECTS)
    except psycopg.errors.InsufficientPrivilege:
        unknown["bytes of large objects"] = "the role may not read all of them"
        count = _number(session, b"SELECT count(*) FROM pg_largeobject_metadata")
        return LargeObjects(count=count, rights=rights)
    return LargeObjects(count=int(count), size_bytes=int(size_bytes), rights=rights)


def _digests(session: Session, query: LiteralString) -> dict[str, str] | None:
    # catalogue functions look at what is committed now, so others' changes can break them
    digest = sql.SQL(
        "SELECT q.name, pg_catalog.left(pg_catalog.encode(pg_catalog.sha256("
        "pg_catalog.convert_to(coalesce(q.definition, ''), 'UTF8')), 'hex'), 32)"
        " FROM ({}) q(name, definition)"
    )
    try:
        with session.transaction():
            rows = session.execute(digest.format(sql.SQL(query))).fetchall()
    except (
        psycopg.errors.InternalError_,
        psycopg.errors.UndefinedObject,
        psycopg.errors.UndefinedTable,
        psycopg.errors.LockNotAvailable,
    ):
        return None
    return {str(name): str(value) for name, value in rows}


def _database(session: Session) -> tuple[LocaleFact, int]:
    encoding, collate, ctype, provider, name, size_bytes = _one(session, _DATABASE)
    locale = LocaleFact(
        encoding=encoding,
        provider=_PROVIDERS.get(provider, str(provider)),
        collate=collate,
        ctype=ctype,
        name=name,
    )
    return locale, int(size_bytes)


def _text_settings(session: Session) -> dict[str, str]:
    question = b"SELECT name, setting FROM pg_settings WHERE name = ANY (%s)"
    rows = session.execute(question, (list(TEXT_SETTINGS),)).fetchall()
    return {str(name): str(value) for name, value in rows}


def _positions(
    session: Session, names: list[tuple[str, str]]
) -> Iterator[tuple[str, SequenceFact]]:
    # one question for many: a database may have thousands, each a table of its own
    one = sql.SQL("SELECT last_value, is_called FROM {}")
    parts = [one.format(sql.Identifier(schema, name)) for schema, name in names]
    rows = session.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()
    for (schema, name), (value, is_called) in zip(names, rows, strict=True):
        yield f"{schema}.{name}", SequenceFact(last_value=value, is_called=is_called)


def _some(names: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(names), SEQUENCES_AT_ONCE):
        yield names[start : start + SEQUENCES_AT_ONCE]


def _all(session: Session, query: bytes) -> list[tuple[Any, ...]]:
    return list(session.execute(query).fetchall())


def _one(session: Session, query: bytes) -> tuple[Any, ...]:
    return session.execute(query).fetchone() or ()


def _number(session: Session, query: bytes) -> int:
    return int(_one(session, query)[0])
