"""Ask the target what it is and what it holds, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from chalicelib.engine.connection import Session, server_version

# What belongs to an extension came with it, and what PostgreSQL made is in every database.
_OURS: Final = """
       n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = {catalogue}::regclass AND d.objid = x.oid
                      AND d.deptype = 'e')
"""

OBJECTS: Final = """
SELECT CASE x.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
       n.nspname, x.relname
  FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
 WHERE x.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {class}
UNION ALL
SELECT CASE x.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, x.typname
  FROM pg_catalog.pg_type x JOIN pg_catalog.pg_namespace n ON n.oid = x.typnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = x.typrelid
 WHERE (x.typtype IN ('d', 'e', 'r') OR c.relkind = 'c') AND {type}
UNION ALL
SELECT CASE x.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
       n.nspname,
       x.proname || '(' || pg_catalog.oidvectortypes(x.proargtypes) || ')'
  FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_namespace n ON n.oid = x.pronamespace
 WHERE {proc}
UNION ALL
SELECT 'SCHEMA', '', n.nspname
  FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_namespace x ON x.oid = n.oid
 WHERE n.nspname <> 'public' AND {namespace}
UNION ALL
SELECT 'EXTENSION', '', extname FROM pg_catalog.pg_extension
 ORDER BY 1, 2, 3
""".format(
    **{
        name: _OURS.format(catalogue=f"'pg_catalog.pg_{name}'")
        for name in ("class", "type", "proc", "namespace")
    }
).encode()

SELF: Final = b"""
SELECT current_user::text, r.rolsuper, pg_catalog.pg_is_in_recovery(),
       pg_catalog.has_database_privilege(current_database(), 'CREATE'),
       coalesce(pg_catalog.has_schema_privilege(
           (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public'), 'CREATE'), false),
       (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata),
       current_setting('default_transaction_read_only') = 'on'
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""

ROLES: Final = b"SELECT rolname, pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles"

EXTENSIONS: Final = b"""
SELECT e.name, bool_and(v.superuser AND NOT v.trusted)
  FROM pg_catalog.pg_available_extensions e
  JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.name
 GROUP BY e.name
"""


@dataclass(frozen=True, order=True)
class Thing:
    """Name an object of a database as an archive does; `schema` is empty where none holds it."""

    descriptor: str
    schema: str
    name: str

    def __str__(self) -> str:
        """Give it as a person reads it."""
        name = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.descriptor.lower()} {name}"


@dataclass(frozen=True)
class TargetFacts:
    """Say what a target is and holds.

    `roles` maps each role to whether we may act as it, `extensions` each one that could be
    installed to whether only a superuser may. `filled` are the asked-for tables that hold rows.
    """

    version: str
    user: str
    is_superuser: bool = False
    is_read_only: bool = False
    may_create_schemas: bool = True
    may_create_in_public: bool = True
    is_encrypted: bool = False
    objects: frozenset[Thing] = frozenset()
    large_objects: int = 0
    roles: dict[str, bool] | None = None
    extensions: dict[str, bool] | None = None
    filled: frozenset[Thing] = frozenset()

    @property
    def held(self) -> tuple[Thing, ...]:
        """What makes the target not empty; extensions do not, platforms install them ahead."""
        return tuple(sorted(thing for thing in self.objects if thing.descriptor != "EXTENSION"))

    @property
    def is_empty(self) -> bool:
        """Whether nobody has put anything into the database yet."""
        return not self.held and self.large_objects == 0


def target_facts(session: Session) -> TargetFacts:
    """Look at a target."""
    row = session.execute(SELF).fetchone()
    user, is_super, in_recovery, in_database, in_public, blobs, read_only = row or ("",) * 7
    return TargetFacts(
        version=server_version(session),
        user=str(user),
        is_superuser=bool(is_super),
        is_read_only=bool(in_recovery) or bool(read_only),
        may_create_schemas=bool(in_database),
        may_create_in_public=bool(in_public),
        is_encrypted=session.pgconn.ssl_in_use,
        objects=frozenset(Thing(*found) for found in session.execute(OBJECTS).fetchall()),
        large_objects=int(blobs or 0),
        roles=dict(session.execute(ROLES).fetchall()),
        extensions=dict(session.execute(EXTENSIONS).fetchall()),
    )


def filled_tables(
    session: Session, tables: Sequence[Thing], beat: Callable[[], object] = lambda: None
) -> frozenset[Thing]:
    """Return those of the tables that hold a row; tables that are not there hold none."""
    found = set()
    query = sql.SQL("SELECT EXISTS (SELECT FROM ONLY {})")
    for table in tables:
        beat()
        name = sql.Identifier(table.schema, table.name)
        if session.execute(query.format(name)).fetchone() == (True,):
            found.add(table)
    return frozenset(found)
