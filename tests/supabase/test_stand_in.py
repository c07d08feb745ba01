"""The stand-in fails where the platform fails, with stock pg_dump and pg_restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.reader_role import supabase_reader_sql
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from tests.support.dumping import connected, execute
from tests.support.supabase import Stock, running_stand_in, stock

pytestmark = pytest.mark.postgres

PASSWORD = "reader-pw"


@pytest.fixture(scope="module")
def project() -> Iterator[SupabaseStandIn]:
    """A project with content, of which no test changes anything that another one reads."""
    with running_stand_in() as stand_in:
        stand_in.seed()
        yield stand_in


@pytest.fixture(scope="module")
def target() -> Iterator[SupabaseStandIn]:
    """A project as a new one is."""
    with running_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def run(project: SupabaseStandIn) -> Stock:
    return stock(project.server.bin_dir)


@pytest.fixture
def role(project: SupabaseStandIn) -> Iterator[Callable[..., Connection]]:
    """Make a role by statements of postgres; it is dropped afterwards."""
    made: list[str] = []

    def make(name: str, *statements: str) -> Connection:
        execute(project.connection, *statements)
        made.append(name)
        return project.connection_as(name, PASSWORD)

    yield make
    for name in made:
        execute(project.admin_connection, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def reader(role: Callable[..., Connection]) -> Connection:
    return role("holdfast_reader", supabase_reader_sql(PASSWORD))


def one(connection: Connection, question: str) -> object:
    with connected(connection) as session:
        row = session.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_the_owner_is_no_superuser_and_bypasses_row_security(project: SupabaseStandIn) -> None:
    found = one(
        project.connection,
        "SELECT row(rolsuper, rolbypassrls, rolreplication)::text FROM pg_roles"
        " WHERE rolname = current_user",
    )

    assert found == "(f,t,t)"


def test_it_is_furnished_and_filled_on_an_older_server_too() -> None:
    with running_stand_in(15) as stand_in:
        stand_in.seed(users=3, files=2)

        assert one(stand_in.connection, "SELECT count(*) FROM public.profiles") == 3
        assert one(stand_in.connection, "SELECT count(*) FROM storage.objects") == 2


def test_the_users_own_trigger_makes_profiles(project: SupabaseStandIn) -> None:
    users = one(project.connection, "SELECT count(*) FROM auth.users")

    assert users == one(project.connection, "SELECT count(*) FROM public.profiles") == 20


def test_rows_of_vector_buckets_cannot_be_brought_back(
    project: SupabaseStandIn, target: SupabaseStandIn, run: Stock, tmp_path: Path
) -> None:
    dumped = tmp_path / "storage.dump"
    run("pg_dump", project.connection, "-Fc", "--data-only", "-n", "storage", "-f", dumped)

    done = run("pg_restore", target.connection, "--single-transaction", "-d", "postgres", dumped)

    assert done.returncode == 1
    assert "permission denied for table buckets_vectors" in done.stderr


def test_a_readers_role_cannot_become_the_owner(reader: Connection, run: Stock) -> None:
    done = run("pg_dump", reader, "--schema-only", "--role=postgres")

    assert done.returncode == 1
    assert 'permission denied to set role "postgres"' in done.stderr


def test_a_readers_role_dumps_all_of_the_owner(
    reader: Connection, run: Stock, tmp_path: Path
) -> None:
    done = run("pg_dump", reader, "-Fc", "-f", tmp_path / "all")

    assert (done.returncode, done.stderr) == (0, "")


def test_large_objects_of_others_cannot_be_read(
    project: SupabaseStandIn, reader: Connection, run: Stock, tmp_path: Path
) -> None:
    execute(project.admin_connection, "SELECT lo_from_bytea(4711, 'x')")
    with_objects = run("pg_dump", reader, "-Fc", "-f", tmp_path / "all")
    without = run("pg_dump", reader, "-Fc", "--no-large-objects", "-f", tmp_path / "most")
    execute(project.admin_connection, "SELECT lo_unlink(4711)")

    assert "permission denied for large object 4711" in with_objects.stderr
    assert (with_objects.returncode, without.returncode) == (1, 0)


def test_a_role_without_bypass_is_refused_at_row_security(
    role: Callable[..., Connection], run: Stock
) -> None:
    reader = role(
        "plain_reader",
        f"CREATE ROLE plain_reader LOGIN PASSWORD '{PASSWORD}'",
        "GRANT pg_read_all_data TO plain_reader",
    )

    done = run("pg_dump", reader, "-n", "public", "-f", "/dev/null")

    assert done.returncode == 1
    assert "query would be affected by row-level security policy" in done.stderr


def test_a_full_restore_fails_all_over_and_loses_the_sign_ins(
    project: SupabaseStandIn, run: Stock, tmp_path: Path
) -> None:
    dumped = tmp_path / "full.dump"
    run("pg_dump", project.connection, "-Fc", "-f", dumped)

    with running_stand_in() as fresh:
        done = run("pg_restore", fresh.connection, "-d", "postgres", dumped)

        assert done.returncode == 1
        assert int(done.stderr.rpartition("errors ignored on restore: ")[2]) > 100
        assert "permission denied to create event trigger" in done.stderr
        assert one(fresh.connection, "SELECT count(*) FROM auth.users") == 20
        assert one(fresh.connection, "SELECT count(*) FROM auth.identities") == 0


def test_a_dump_without_the_managed_schemas_loses_the_trigger_on_users(
    project: SupabaseStandIn, run: Stock
) -> None:
    done = run("pg_dump", project.connection, "--schema-only", "-N", "auth", "-N", "storage")

    assert "CREATE FUNCTION public.welcome" in done.stdout
    assert "on_auth_user_created" not in done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cron.job (schedule, command) VALUES ('* * * * *', 'SELECT 1')",
        "INSERT INTO vault.secrets (name, description, secret) VALUES ('a', '', 'b')",
        "ALTER TABLE auth.users ADD COLUMN mine text",
        "CREATE TABLE auth.mine (id int)",
        "DELETE FROM storage.objects",
    ],
)
def test_what_belongs_to_the_platform_is_closed_to_the_owner(
    project: SupabaseStandIn, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(project.connection, statement)


def test_the_owner_sets_the_role_of_replicas(project: SupabaseStandIn) -> None:
    with connected(project.connection) as session:
        session.execute("SET session_replication_role = replica")

        assert session.execute("SHOW session_replication_role").fetchone() == ("replica",)


def test_the_pooler_takes_users_with_the_reference_only(project: SupabaseStandIn) -> None:
    pooled = project.pooled_connection
    plain = Connection(pooled.endpoint.model_copy(update={"user": "postgres"}), pooled.password)

    assert one(pooled, "SELECT current_user") == "postgres"
    with pytest.raises(psycopg.OperationalError, match="Tenant or user not found"):
        one(plain, "SELECT 1")
