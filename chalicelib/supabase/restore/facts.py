"""Ask a target what a restore into a project must know of it, without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.supabase import is_managed_schema
from chalicelib.restore_ports import Target
from chalicelib.supabase.restore.choice import World

PARTS: Final = ("auth", "storage")
_SCHEMAS: Final = "SELECT nspname FROM pg_catalog.pg_namespace"
_PUBLICATIONS: Final = """
SELECT pubname, pg_catalog.pg_has_role(pubowner, 'USAGE') FROM pg_catalog.pg_publication
"""
_COLUMNS: Final = """
SELECT n.nspname || '.' || c.relname, array_agg(a.attname::text),
       bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, 'INSERT'))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (%s)
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') GROUP BY 1
"""
_IS_FILLED: Final = "SELECT EXISTS (SELECT FROM {})"
# what the defaults of the restoring role give to others in the schema public
_DEFAULTS: Final = """
SELECT DISTINCT pg_catalog.format(
         'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE ALL ON %s FROM %s',
         r.rolname, n.nspname,
         CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
              WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' END,
         CASE WHEN g.grantee = 0 THEN 'PUBLIC'
              ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END)
  FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_roles r ON r.oid = d.defaclrole
  JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) g
 WHERE n.nspname = 'public' AND g.grantee <> d.defaclrole
   AND r.rolname = current_user AND d.defaclobjtype IN ('r', 'S', 'f', 'T')
 ORDER BY 1
"""
_CRON: Final = """
SELECT pg_catalog.to_regprocedure('cron.schedule(text,text,text)') IS NOT NULL
"""


@dataclass(frozen=True)
class Room:
    """Say what a table of the platform takes: its columns, and whether we may write them."""

    columns: frozenset[str]
    may_insert: bool


@dataclass(frozen=True)
class ProjectFacts:
    """Say what a target is and holds.

    `rooms` are the tables of auth and storage by name, `filled` those of them that hold rows.
    `defaults` are the statements that take back what new objects in public would be granted.
    """

    server_version: str
    client_version: str
    world: World
    objects: frozenset[tuple[str, str, str]]
    extensions: frozenset[str]
    rooms: Mapping[str, Room]
    filled: frozenset[str]
    defaults: tuple[str, ...]
    refuses_replica: str | None
    has_cron: bool

    @property
    def own(self) -> frozenset[tuple[str, str, str]]:
        """What users put into the target, without what belongs to the platform."""
        return frozenset(
            (kind, schema, name)
            for kind, schema, name in self.objects
            if kind != "EXTENSION" and not is_managed_schema(schema or name)
        )

    @property
    def installed(self) -> frozenset[str]:
        """The extensions that are there."""
        return frozenset(name for kind, _, name in self.objects if kind == "EXTENSION")


def project_facts(target: Target) -> ProjectFacts:
    """Look at a target."""
    rooms = {
        name: Room(frozenset(columns), bool(may))
        for name, columns, may in target.rows(_COLUMNS, list(PARTS))
    }
    return ProjectFacts(
        server_version=target.server_version,
        client_version=target.client_version,
        world=_world(target),
        objects=target.objects,
        extensions=target.extensions,
        rooms=rooms,
        filled=frozenset(name for name in FILLED if name in rooms and _is_filled(target, name)),
        defaults=tuple(text for (text,) in target.rows(_DEFAULTS)),
        # tried, not asked: the platform allows it by an extension that no catalogue shows
        refuses_replica=target.attempt(as_replica=True),
        has_cron=target.rows(_CRON) == [(True,)],
    )


FILLED: Final = ("auth.users", "auth.identities", "storage.buckets", "storage.objects")
"""The tables in which rows of somebody else's would be in the way."""


def _is_filled(target: Target, name: str) -> bool:
    return target.rows(_IS_FILLED.format(name)) == [(True,)]


def _world(target: Target) -> World:
    return World(
        user=target.user,
        is_superuser=target.is_superuser,
        schemas=frozenset(name for (name,) in target.rows(_SCHEMAS)),
        roles=target.roles,
        publications=dict(target.rows(_PUBLICATIONS)),
    )
