"""The question whose answer is `roles.sql`: a statement per line, and never a password.

It is asked inside the dump's snapshot, because pg_dumpall takes none. Only what differs from what
CREATE ROLE gives anyway is written: a role that is no superuser may not even say NOSUPERUSER.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template
from typing import Final

ROLES: Final = "roles.sql"

IDENTIFIER: Final = r'((?:U&)?"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
"""How a pattern of `re` takes a role's name in one of the statements."""

_ESCAPED: Final = re.compile(r"\\(?:(\\)|([0-9A-F]{4}))")

LISTS: Final = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
"""Settings that the catalogue keeps as a list, each member quoted where it needs be."""


@dataclass(frozen=True)
class RoleRules:
    """Say which roles are somebody else's, and which settings are kept even on those.

    Names that end in one of `secret_endings` are left out: they hold what must not be shown.
    """

    reserved: tuple[str, ...] = ()
    reserved_prefixes: tuple[str, ...] = ("pg_",)
    kept_settings: tuple[str, ...] = ()
    kept_prefixes: tuple[str, ...] = ()
    secret_endings: tuple[str, ...] = ("secret",)


PLAIN_RULES: Final = RoleRules()
"""Every role but PostgreSQL's own, as pg_dumpall has it."""


def unquoted(identifier: str) -> str:
    """Return the name that an identifier of these statements stands for."""
    if identifier.startswith("U&"):
        inside = identifier[3:-1].replace('""', '"')
        return _ESCAPED.sub(lambda found: found[1] or chr(int(found[2], 16)), inside)
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def roles_query(rules: RoleRules = PLAIN_RULES) -> str:
    """Return the query; it needs no rights but to read the catalogue, and an empty search_path."""
    is_reserved = _is_one_of("r.rolname", rules.reserved, rules.reserved_prefixes)
    is_kept = _is_one_of("s.name", rules.kept_settings, rules.kept_prefixes)
    is_secret = " OR ".join(
        f"s.name LIKE {_literal('%' + _escaped(ending))}" for ending in rules.secret_endings
    )
    return _QUERY.substitute(
        is_reserved=is_reserved,
        is_kept=is_kept,
        is_secret=is_secret or "false",
        creation=_CREATION,
        role=_name("r.rolname"),
        group=_name("g.rolname"),
        database=_name("d.datname"),
        setting=_SETTING,
        value=_VALUE,
        comment=_text("c.said"),
        options=_GRANT_OPTIONS,
    )


_QUERY: Final = Template(
    """
WITH r AS (SELECT r.*, $is_reserved AS is_reserved FROM pg_catalog.pg_roles r),
s AS (SELECT s.setrole, s.setdatabase, split_part(c.one, '=', 1) AS name,
             substr(c.one, strpos(c.one, '=') + 1) AS value
        FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c(one)),
m AS (SELECT m.roleid, m.member, bool_or(m.admin_option) AS is_admin,
             bool_or((to_jsonb(m) ->> 'inherit_option')::bool) AS inherits,
             bool_or((to_jsonb(m) ->> 'set_option')::bool) AS sets
        FROM pg_catalog.pg_auth_members m GROUP BY 1, 2)
SELECT q.line FROM (
SELECT 1 AS step, r.rolname::text AS name, $creation AS line FROM r WHERE NOT r.is_reserved
UNION ALL
SELECT 2, r.rolname, 'ALTER ROLE ' || $role || coalesce(' IN DATABASE ' || $database, '')
       || ' SET ' || $setting || ' TO ' || $value || ';'
  FROM s JOIN r ON r.oid = s.setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
 WHERE (s.setdatabase = 0 OR d.datname = current_database())
   AND (NOT r.is_reserved OR $is_kept) AND NOT ($is_secret)
UNION ALL
SELECT 3, r.rolname, 'COMMENT ON ROLE ' || $role || ' IS ' || $comment || ';'
  FROM r, shobj_description(r.oid, 'pg_authid') AS c(said)
 WHERE NOT r.is_reserved AND c.said IS NOT NULL
UNION ALL
SELECT 4, r.rolname, 'GRANT ' || $group || ' TO ' || $role || $options || ';'
  FROM m JOIN r ON r.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
 WHERE NOT r.is_reserved
) q ORDER BY q.step, q.name COLLATE "C", q.line COLLATE "C"
"""
)


def _is_one_of(name: str, names: tuple[str, ...], prefixes: tuple[str, ...]) -> str:
    listed = [f"{name} = {_literal(one)}" for one in names]
    begun = [f"{name} LIKE {_literal(_escaped(one) + '%')}" for one in prefixes]
    return "(" + (" OR ".join([*listed, *begun]) or "false") + ")"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _escaped(value: str) -> str:
    """Write a text so that LIKE takes every letter as itself."""
    return value.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def _on_one_line(value: str, line_feed: str, carriage_return: str) -> str:
    fed = f"replace({value}, chr(10), '{line_feed}')"
    return f"replace({fed}, chr(13), '{carriage_return}')"


def _name(value: str) -> str:
    """Return the expression of an identifier; one with line ends in it stays on its line."""
    doubled = rf"""replace(replace({value}, '\', '\\'), '"', '""')"""
    odd = "'U&\"' || " + _on_one_line(doubled, r"\000A", r"\000D") + " || '\"'"
    return f"CASE WHEN {value} ~ '[\\n\\r]' THEN {odd} ELSE quote_ident({value}) END"


def _text(value: str) -> str:
    """Return the expression of a string, on one line whatever it holds."""
    doubled = rf"""replace(replace({value}, '\', '\\'), '''', '''''')"""
    odd = "'E''' || " + _on_one_line(doubled, r"\n", r"\r") + " || ''''"
    return f"CASE WHEN {value} ~ '[\\n\\r]' THEN {odd} ELSE quote_literal({value}) END"


_CREATION: Final = f"""'CREATE ROLE ' || {_name("r.rolname")} || concat(
           CASE WHEN r.rolsuper THEN ' SUPERUSER' END, CASE WHEN r.rolcreatedb THEN ' CREATEDB' END,
           CASE WHEN r.rolcreaterole THEN ' CREATEROLE' END,
           CASE WHEN NOT r.rolinherit THEN ' NOINHERIT' END,
           CASE WHEN r.rolcanlogin THEN ' LOGIN' END,
           CASE WHEN r.rolreplication THEN ' REPLICATION' END,
           CASE WHEN r.rolbypassrls THEN ' BYPASSRLS' END,
           CASE WHEN r.rolconnlimit >= 0 THEN ' CONNECTION LIMIT ' || r.rolconnlimit END,
           CASE WHEN r.rolvaliduntil IS NOT NULL
                THEN ' VALID UNTIL ' || quote_literal(r.rolvaliduntil::text) END) || ';'"""

# a setting may be called anything that has a dot in it; each half is a name
_SETTING: Final = """(SELECT string_agg(quote_ident(one.half), '.' ORDER BY one.place)
       FROM unnest(string_to_array(s.name, '.')) WITH ORDINALITY AS one(half, place))"""

_EMPTY_MEMBERS: Final = (
    r"""regexp_replace(s.value, '(^|, )""(?=, |$)', '\1' || quote_literal(''), 'g')"""
)

_VALUE: Final = (
    "CASE WHEN s.name IN ("
    + ", ".join(map(_literal, LISTS))
    + ") AND s.value <> '' THEN "
    # an empty member is kept as a name without letters, which no statement may have
    + _EMPTY_MEMBERS
    + f" ELSE {_text('s.value')} END"
)

# what a grant gives anyway is not written: servers before 16 know no more than ADMIN OPTION
_GRANT_OPTIONS: Final = """CASE
       WHEN m.inherits IS NOT DISTINCT FROM r.rolinherit AND coalesce(m.sets, true)
         OR m.inherits IS NULL THEN CASE WHEN m.is_admin THEN ' WITH ADMIN OPTION' ELSE '' END
       ELSE upper(format(' with admin %s, inherit %s, set %s', m.is_admin::text, m.inherits::text,
                         coalesce(m.sets, true)::text)) END"""
