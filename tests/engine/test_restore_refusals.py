"""What cannot be restored is refused with its reason, before anything is changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    IntegrityFailed,
    InvalidRequest,
    PermissionDenied,
    VersionUnsupported,
)
from chalicelib.domain.restore import RestoreOptions
from chalicelib.engine.clients import Clients
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import RestoreSource
from tests.support.dumping import contents, endpoint_of, execute
from tests.support.restoring import Bench, foreign, kept, options

pytestmark = pytest.mark.postgres


@pytest.fixture
def role(postgres18: LocalPostgres) -> Iterator[str]:
    """Give a role that may log in and nothing else."""
    name = f"role_{secrets.token_hex(4)}"
    execute(postgres18.connection(), f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    yield name
    execute(postgres18.connection(), f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def refused(
    bench: Bench, source: RestoreSource, target: Connection, chosen: RestoreOptions | None = None
) -> HoldfastError:
    """Return the error of a restore that never began; the target is as it was."""
    before = contents(target)
    with pytest.raises(HoldfastError) as raised:
        bench.restore(source, target, chosen)
    assert (bench.reached, contents(target)) == ([], before)
    return raised.value


def as_user(connection: Connection, user: str) -> Connection:
    return Connection(endpoint_of(connection, user=user).endpoint, "secret")


def test_a_target_that_is_not_empty(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(target18, "CREATE TABLE precious AS SELECT 1")

    error = refused(bench, bench.dump(source18), target18)

    assert isinstance(error, Conflict)
    assert "table public.precious" in error.message


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE t AS ENUM ('a')",
        "CREATE SCHEMA s",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE SEQUENCE s",
    ],
)
def test_anything_of_somebodys_makes_a_target_not_empty(
    bench: Bench, source18: Connection, target18: Connection, statement: str
) -> None:
    execute(target18, statement)

    assert isinstance(refused(bench, bench.dump(source18), target18), Conflict)


def test_clean_without_the_right_name(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    chosen = options(confirm=source18, clean=True)

    assert isinstance(refused(bench, bench.dump(source18), target18, chosen), InvalidRequest)


def test_an_older_server(
    bench: Bench,
    source18: Connection,
    postgres15: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    error = refused(bench, bench.dump(source18), database(postgres15))

    assert isinstance(error, VersionUnsupported)
    assert "older, 15." in error.message


def test_an_older_server_for_a_script(
    bench: Bench,
    source18: Connection,
    postgres15: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    error = refused(bench, bench.dump(source18, format="plain"), database(postgres15))

    assert isinstance(error, VersionUnsupported)


def test_an_extension_that_the_server_does_not_have(
    bench: Bench, source15: Connection, target18: Connection
) -> None:
    execute(source15, "CREATE EXTENSION pgcrypto")

    error = refused(bench, bench.dump(source15), target18)

    assert isinstance(error, Conflict)
    assert "does not have the extension pgcrypto" in error.message


def test_a_role_that_is_missing_and_how_to_do_without(
    bench: Bench,
    postgres15: LocalPostgres,
    source15: Connection,
    target18: Connection,
) -> None:
    name = f"role_{secrets.token_hex(4)}"
    execute(source15, f"CREATE ROLE {name}", f"ALTER TABLE people OWNER TO {name}")
    source = bench.dump(source15)
    execute(source15, "ALTER TABLE people OWNER TO postgres", f"DROP ROLE {name}")

    error = refused(bench, source, target18)
    report = bench.restore(source, target18, options(no_owner=True))

    assert name in error.message
    assert "no_owner" in error.hint
    assert report.errors_total == 0


def test_a_grant_to_a_missing_role(
    bench: Bench, source15: Connection, target18: Connection
) -> None:
    name = f"Role {secrets.token_hex(4)}"
    execute(source15, f'CREATE ROLE "{name}"', f'GRANT SELECT ON people TO "{name}"')
    source = bench.dump(source15)
    execute(source15, f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')

    assert name in refused(bench, source, target18).message


def test_a_user_that_may_create_nothing(
    bench: Bench, source18: Connection, target18: Connection, role: str
) -> None:
    with pytest.raises(PermissionDenied, match="may not create anything in the schema public"):
        bench.restore(bench.dump(source18), as_user(target18, role), options(no_owner=True))

    assert bench.reached == []


def test_a_database_that_is_read_only(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    name = target18.endpoint.database
    execute(target18, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    assert isinstance(refused(bench, bench.dump(source18), target18), PermissionDenied)


def test_everything_wrong_is_told_at_once(
    bench: Bench, source18: Connection, target18: Connection, role: str
) -> None:
    execute(target18, "CREATE TABLE precious ()")

    found = bench.preflight(bench.dump(source18), as_user(target18, role))

    assert {problem.code for problem in found.problems} == {"conflict", "permission_denied"}
    assert len(found.problems) == 3


def test_a_preflight_says_what_would_come_and_what_would_go(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(target18, "CREATE TABLE people ()")

    found = bench.preflight(bench.dump(source18), target18, options(confirm=target18, clean=True))

    assert found.passes
    assert (found.drops, found.objects["TABLE"]) == (("table public.people",), 5)
    assert contents(target18)["public.people"] == []


def test_a_foreign_archive_is_not_read_by_clients_with_known_holes(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    error = refused(bench, foreign(bench.dump(source18)), target18)

    assert isinstance(error, VersionUnsupported)
    assert "known hole" in error.message


def test_a_foreign_archive_is_read_by_clients_at_the_floor(
    bench: Bench, postgres18: LocalPostgres, source18: Connection, target18: Connection
) -> None:
    source = foreign(bench.dump(source18))
    bench.clients = claiming(bench.folder / "clients", postgres18.bin_dir, "18.99")

    report = bench.restore(source, target18)

    assert report.errors_total == 0
    assert contents(target18) == contents(source18)


@pytest.mark.parametrize("damage", [lambda d: d[:200], lambda d: b"PGDUMP" + d[6:], lambda d: b""])
def test_what_is_no_archive(
    bench: Bench,
    source18: Connection,
    target18: Connection,
    damage: Callable[[bytes], bytes],
) -> None:
    source = bench.dump(source18)
    data = damage(b"".join(source.main.open()))

    error = refused(bench, replace(source, main=kept(data, bench.folder / "bad")), target18)

    assert isinstance(error, IntegrityFailed)


def claiming(folder: Path, bin_dir: Path, version: str) -> Clients:
    """Make clients that are the real ones and call themselves by another version."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        script = folder / name
        script.write_text(
            "#!/bin/sh\n"
            f'case "$1" in --version) echo "{name} (PostgreSQL) {version}"; exit;; esac\n'
            f'exec {bin_dir / name} "$@"\n'
        )
        script.chmod(0o755)
    return Clients([folder])
