"""The statements that make roles are read by what they do; no other statement passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.facts import RoleFact
from chalicelib.engine.proof.role_file import plain_roles, read_statements

LINES = [
    "-- roles",
    'CREATE ROLE "Reader One" WITH LOGIN;',
    "CREATE ROLE team WITH NOLOGIN;",
    "",
    "COMMENT ON ROLE team IS 'all of us';",
    'GRANT team TO "Reader One" WITH ADMIN OPTION;',
    "GRANT anon TO team;",
    "GRANT pg_monitor TO team;",
    "ALTER ROLE authenticator SET statement_timeout TO '8s';",
    "ALTER ROLE team IN DATABASE shop SET work_mem TO '1MB';",
]


def test_statements_are_sorted_by_what_they_do() -> None:
    found = read_statements(LINES)

    assert [one.roles for one in found.makes] == [("Reader One",), ("team",)]
    assert [one.roles for one in found.describes] == [("team",)]
    assert [one.roles for one in found.grants] == [
        ("team", "Reader One"),
        ("anon", "team"),
        ("pg_monitor", "team"),
    ]
    assert [one.roles for one in found.settings] == [("authenticator",), ("team",)]


def test_roles_that_are_named_and_not_made_are_made_plain() -> None:
    known = (RoleFact(name="owner", is_superuser=True), RoleFact(name="team"))

    found = plain_roles(known, read_statements(LINES))

    assert {role.name: role.is_superuser for role in found} == {
        "anon": False,
        "authenticator": False,
        "owner": True,
    }


@pytest.mark.parametrize(
    "line",
    [
        "DROP ROLE team;",
        "CREATE ROLE;",
        "ALTER SYSTEM SET fsync TO off;",
        "GRANT ALL ON DATABASE shop TO team;",
        " CREATE ROLE team;",
        'CREATE ROLE "team;',
        "SELECT 1;",
        "ALTER ROLE team SUPERUSER;",
    ],
)
def test_a_statement_that_does_something_else_is_refused(line: str) -> None:
    with pytest.raises(IntegrityFailed, match="line 1 of the roles"):
        read_statements([line])


def test_a_name_with_line_ends_is_read_back() -> None:
    found = read_statements(['CREATE ROLE U&"two\\000Alines \\\\ and ""quotes""" LOGIN;'])

    assert found.made == {'two\nlines \\ and "quotes"'}


@given(st.text(min_size=1).filter(lambda name: "\n" not in name))
def test_any_name_is_read_as_it_was_quoted(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'

    found = read_statements([f"CREATE ROLE {quoted} WITH LOGIN;"])

    assert found.made == {name}


def test_an_escaped_backslash_before_digits_is_no_line_end() -> None:
    found = read_statements([r'CREATE ROLE U&"a\\000A\000Ab";'])

    assert found.made == {"a\\000A\nb"}
