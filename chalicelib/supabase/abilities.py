"""What a role can do in a project's database, as one question to it, and what follows from that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.errors import Internal
from chalicelib.domain.supabase import SHORT_LIVED_AUTH

MAX_NAMED: Final = 5

NEVER_TAKEN: Final = (
    ("auth", "schema_migrations"),
    ("storage", "migrations"),
    ("storage", "buckets_vectors"),
    ("storage", "vector_indexes"),
)
"""Tables of the platform whose rows nobody can bring back."""

# pg_settings.reset_val is what the role and the database set, not what our session chose
ABILITIES: Final = """
SELECT pg_catalog.json_build_object(
  'role', current_user,
  'is_superuser', r.rolsuper,
  'bypasses_rls', r.rolsuper OR r.rolbypassrls,
  'may_replicate', r.rolsuper OR r.rolreplication,
  'reads_all_data', pg_catalog.pg_has_role(current_user, 'pg_read_all_data', 'USAGE'),
  'is_read_only', (SELECT reset_val = 'on' FROM pg_catalog.pg_settings
                    WHERE name = 'default_transaction_read_only'),
  'timeouts_ms', (SELECT pg_catalog.json_object_agg(name, reset_val::bigint)
                    FROM pg_catalog.pg_settings
                   WHERE name IN ('statement_timeout', 'lock_timeout',
                                  'idle_in_transaction_session_timeout')),
  'max_connections', (SELECT setting::int FROM pg_catalog.pg_settings
                       WHERE name = 'max_connections'),
  'role_connections', NULLIF(r.rolconnlimit, -1),
  'connections', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
                   WHERE backend_type = 'client backend'),
  'schemas', (SELECT pg_catalog.json_agg(nspname ORDER BY nspname)
                FROM pg_catalog.pg_namespace
               WHERE nspname IN ('auth', 'storage', 'cron', 'vault')),
  'others_large_objects', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata
                            WHERE NOT pg_catalog.pg_has_role(current_user, lomowner, 'USAGE')),
  'unreadable', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, c.relname)
                                            ORDER BY n.nspname, c.relname)
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname IN ('auth', 'storage') AND c.relkind IN ('r', 'p', 'S')
                    AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                             AND CASE c.relkind
                                 WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                                 ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)),
  'hiding', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, c.relname)
                                        ORDER BY n.nspname, c.relname)
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname IN ('auth', 'storage') AND c.relkind IN ('r', 'p')
                AND pg_catalog.row_security_active(c.oid))
)::text
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""


@dataclass(frozen=True)
class Abilities:
    """Hold the database's answer; timeouts are in milliseconds, 0 for none."""

    role: str
    is_superuser: bool
    bypasses_rls: bool
    may_replicate: bool
    reads_all_data: bool
    is_read_only: bool
    timeouts_ms: dict[str, int]
    max_connections: int
    role_connections: int | None
    connections: int
    schemas: tuple[str, ...]
    others_large_objects: int
    unreadable: tuple[tuple[str, str], ...]
    hiding: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Abilities:
        """Read the answer to ABILITIES."""
        try:
            said: dict[str, Any] = json.loads(text)
            listed: dict[str, Any] = {
                "schemas": tuple(said.pop("schemas") or ()),
                "unreadable": _pairs(said.pop("unreadable")),
                "hiding": _pairs(said.pop("hiding")),
            }
            return cls(**said, **listed)
        except (ValueError, TypeError, KeyError) as error:
            raise Internal("the answer about the role's abilities is not understood") from error

    @property
    def connections_left(self) -> int:
        """How many more sessions the server or the role allows."""
        left = self.max_connections - self.connections
        return max(left if self.role_connections is None else min(left, self.role_connections), 0)

    def why_not(self, schema: str, *, short_lived: bool) -> str | None:
        """Return why rows of a schema of the platform cannot be taken; None where they can."""
        if schema not in self.schemas:
            return f"the database has no schema {schema}"
        left_out = {name for name in SHORT_LIVED_AUTH if schema == "auth" and not short_lived}
        for names, said in (
            (self.unreadable, "the role may not read"),
            (self.hiding, "row-level security hides rows from the role in"),
        ):
            found = [
                f"{schema}.{table}"
                for place, table in names
                if place == schema and table not in left_out and (place, table) not in NEVER_TAKEN
            ]
            if found:
                return f"{said} {_listed(found)}"
        return None


def _pairs(said: list[list[str]] | None) -> tuple[tuple[str, str], ...]:
    return tuple((pair[0], pair[1]) for pair in said or ())


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
