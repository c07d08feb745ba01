"""Look at a restored project as those look at it who must not see everything.

Row security that is off, a grant that is wider than it was, a policy that lets strangers read: a
comparison of rows finds none of them, so they are looked at by themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from chalicelib.domain.role_statements import unquoted
from chalicelib.domain.supabase import is_managed_schema
from chalicelib.restore_ports import Entry, Target
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.choice import Choice
from chalicelib.supabase.restore.roles import quoted
from chalicelib.supabase.restore.tally import Tally

VISITORS: Final = ("anon", "authenticated")
API_ROLES: Final = (*VISITORS, "service_role")
OF_STORAGE: Final = frozenset({("storage", "objects"), ("storage", "buckets")})
"""Tables of the platform that users write policies for."""

MAX_PROBED: Final = 200
EVERYTHING: Final = "ALL"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The id of a user who does not exist: whoever sees rows under it sees those of strangers."""

Grants = dict[tuple[str, str, str], frozenset[str]]

_GRANT: Final = re.compile(r"GRANT ([A-Z, ]+) ON TABLE .+? TO (\S+?)(?: WITH GRANT OPTION)?;")
_FOUND_GRANTS: Final = """
SELECT n.nspname, c.relname, r.rolname, array_agg(DISTINCT g.privilege_type)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) g
  JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND r.rolname = ANY (%s) GROUP BY 1, 2, 3
"""
_SECURED: Final = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity
"""
_POLICIES: Final = """
SELECT schemaname, tablename, roles::text[] FROM pg_catalog.pg_policies
 WHERE cmd IN ('SELECT', 'ALL') AND permissive = 'PERMISSIVE'
"""
_DENIED: Final = "permission denied"


def check_access(target: Target, backup: HeldBackup, choice: Choice, tally: Tally) -> None:
    """Hold grants, row security and what visitors see against what they should be."""
    check_grants(target, choice, tally)
    check_row_security(target, backup, tally)
    check_visitors(target, backup, tally)


def check_grants(target: Target, choice: Choice, tally: Tally) -> None:
    """Hold what the API's roles may do with each restored table against the archive."""
    tables = [e for e in choice.before if e.kind in {"TABLE", "VIEW", "MATERIALIZED VIEW"}]
    expected = granted(choice.after)
    found: Grants = {
        (schema, table, role): frozenset(privileges)
        for schema, table, role, privileges in target.rows(_FOUND_GRANTS, list(API_ROLES))
    }
    for table in tables:
        for role in API_ROLES:
            key = (table.schema, table.name, role)
            wanted, has = expected.get(key, frozenset()), found.get(key, frozenset())
            if not _same(wanted, has):
                what = f"grants of {role} on {table.schema}.{table.name}"
                tally.differ(what, _told(wanted), _told(has))
            tally.checked["grants"] += 1


def granted(entries: Iterable[Entry]) -> Grants:
    """Return what the archive grants to the API's roles, by schema, table and role."""
    grants: dict[tuple[str, str, str], set[str]] = {}
    for entry in entries:
        if entry.kind != "ACL" or not entry.name.startswith("TABLE "):
            continue
        table = unquoted(entry.name.removeprefix("TABLE "))
        for privileges, role in _GRANT.findall(entry.definition):
            if role in API_ROLES:
                grants.setdefault((entry.schema, table, role), set()).update(
                    privileges.replace(" ", "").split(",")
                )
    return {key: frozenset(names) for key, names in grants.items()}


def check_row_security(target: Target, backup: HeldBackup, tally: Tally) -> None:
    """Require row security wherever the source had it."""
    secured = {(schema, table) for schema, table in target.rows(_SECURED)}
    for schema, table in looked_at(backup.catalogue.secured):
        if (schema, table) not in secured:
            tally.differ(f"row security of {schema}.{table}", "on", "off")
        tally.checked["row security"] += 1


def looked_at(secured: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the tables that are ours to look at: another release of the platform has others."""
    return tuple(one for one in secured if one in OF_STORAGE or not is_managed_schema(one[0]))


def check_visitors(target: Target, backup: HeldBackup, tally: Tally) -> None:
    """Look at each secured table as a visitor, and as a user who does not exist."""
    policies: dict[tuple[str, str], list[frozenset[str]]] = {}
    for schema, table, roles in target.rows(_POLICIES):
        policies.setdefault((schema, table), []).append(frozenset(roles))
    tables = looked_at(backup.catalogue.secured)
    for schema, table in tables[:MAX_PROBED]:
        for role in VISITORS:
            lets = any(roles & {role, "public"} for roles in policies.get((schema, table), ()))
            _probe(target, (schema, table), role, may_see=lets, tally=tally)
    if len(tables) > MAX_PROBED:
        more = f"{len(tables) - MAX_PROBED} more tables were not looked at as visitors"
        tally.leave("row security", more)


def _probe(
    target: Target, name: tuple[str, str], role: str, *, may_see: bool, tally: Tally
) -> None:
    table = ".".join(map(quoted, name))
    question = f"SELECT EXISTS (SELECT FROM {table})"
    # whether there is one row, not how many: a policy may cost a function call each
    found = target.probe(role, claims_of(role), question)
    what = f"{'.'.join(name)} as {role} sees it"
    tally.checked["visitors"] += 1
    if isinstance(found, str):
        # a timeout is the platform's way with visitors, too
        if _DENIED not in found and "timeout" not in found:
            tally.differ(what, "rows or none", found)
    elif found == [(True,)] and not may_see:
        tally.differ(what, "no rows, for no policy lets it see any", "rows")


def claims_of(role: str) -> str:
    """Return the claims that a visitor's token carries."""
    claims: Mapping[str, str] = {"role": role}
    return json.dumps(claims if role == "anon" else {**claims, "sub": NOBODY})


def _same(wanted: frozenset[str], has: frozenset[str]) -> bool:
    # what ALL means depends on the server: PostgreSQL 17 added MAINTAIN
    return bool(has) if EVERYTHING in wanted else wanted == has


def _told(privileges: frozenset[str]) -> str:
    return ", ".join(sorted(privileges)) or "none"
