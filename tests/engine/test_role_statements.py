"""roles.sql brings roles back as they were, whatever they are called and set to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.role_statements import RoleRules, roles_query
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import connected, execute

ODD = 'hf "quoted"\n--; DROP\\'
QUOTED = 'U&"hf ""quoted""\\000A--; DROP\\\\"'
ROLES = ("hf_plain", "hf_boss", "hf_group", ODD)
MAKING = (
    (
        "CREATE ROLE hf_plain LOGIN PASSWORD 'canary-of-a-role' CONNECTION LIMIT 3"
        " VALID UNTIL '2031-01-01 00:00:00+00'"
    ),
    "CREATE ROLE hf_boss SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS NOINHERIT",
    "CREATE ROLE hf_group",
    f"CREATE ROLE {QUOTED}",
    "ALTER ROLE hf_plain SET search_path = \"$user\", 'odd schema', public",
    "ALTER ROLE hf_plain SET app.greeting = E'two\\nlines ''quoted'' \\\\ end'",
    "ALTER ROLE hf_plain SET app.jwt_secret = 'canary-of-a-setting'",
    "ALTER ROLE hf_boss SET search_path = ''",
    f"ALTER ROLE {QUOTED} SET statement_timeout = '90s'",
    "COMMENT ON ROLE hf_group IS E'it''s\\na group'",
    "GRANT hf_group TO hf_plain WITH ADMIN OPTION",
    f"GRANT hf_group, pg_read_all_data TO {QUOTED}",
)
RULES = RoleRules()


@pytest.fixture
def place(server: LocalPostgres, database: Callable[..., Connection]) -> Iterator[Connection]:
    """Give a database whose server has roles of every kind; they are dropped afterwards."""
    connection = database(server)
    forget(connection)
    execute(connection, *MAKING)
    yield connection
    forget(connection)


def forget(connection: Connection) -> None:
    execute(connection, f"DROP ROLE IF EXISTS hf_plain, hf_boss, hf_group, {QUOTED}")


def lines(connection: Connection, rules: RoleRules = RULES) -> list[str]:
    with connected(connection) as session:
        session.execute("SET search_path = ''")
        rows = session.execute(roles_query(rules).encode()).fetchall()
    return [str(row[0]) for row in rows if "hf" in str(row[0])]


def test_the_statements_bring_the_same_roles_back(place: Connection) -> None:
    before = lines(place)

    forget(place)
    execute(place, *before)

    assert lines(place) == before
    assert len(before) == 12


def test_every_statement_is_one_line_without_what_is_secret(place: Connection) -> None:
    found = lines(place)

    assert not any("\n" in line or "canary" in line or "PASSWORD" in line for line in found)
    assert all(line.endswith(";") for line in found)


def test_only_what_differs_from_the_usual_is_written(place: Connection) -> None:
    found = lines(place)

    assert "CREATE ROLE hf_group;" in found
    assert (
        "CREATE ROLE hf_boss SUPERUSER CREATEDB CREATEROLE NOINHERIT REPLICATION BYPASSRLS;"
        in found
    )
    assert 'ALTER ROLE hf_plain SET search_path TO "$user", "odd schema", public;' in found
    assert f"CREATE ROLE {QUOTED};" in found


def test_of_reserved_roles_only_the_kept_settings_are_written(place: Connection) -> None:
    rules = RoleRules(
        reserved=("hf_plain",),
        reserved_prefixes=("pg_", 'hf "', "hf_b"),
        kept_settings=("statement_timeout",),
        kept_prefixes=("app.",),
    )

    found = lines(place, rules)

    assert found == [
        "CREATE ROLE hf_group;",
        f"ALTER ROLE {QUOTED} SET statement_timeout TO '90s';",
        "ALTER ROLE hf_plain SET app.greeting TO E'two\\nlines ''quoted'' \\\\ end';",
        "COMMENT ON ROLE hf_group IS E'it''s\\na group';",
    ]
