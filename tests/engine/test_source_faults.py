"""Each way a source can fail ends in its own error, soon, and leaves nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Compression, Format
from chalicelib.domain.connection import Connection, SslMode
from chalicelib.domain.errors import (
    AuthenticationFailed,
    LockTimeout,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
    TlsFailed,
    VersionUnsupported,
)
from chalicelib.engine.clients import Clients
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import (
    Dumper,
    connected,
    endpoint_of,
    execute,
    locked,
    sessions_of_ours,
)
from tests.support.proxy import Proxy
from tests.support.waiting import await_that

pytestmark = pytest.mark.postgres

BIG_TABLE = (
    "CREATE TABLE big AS SELECT g, repeat(md5(g::text), 8) AS noise"
    " FROM generate_series(1, 60000) g"
)
UNCOMPRESSED = BackupOptions(compression=Compression.NONE)


@pytest.fixture
def reader(source: Connection) -> Iterator[Connection]:
    """Give the same database as an ordinary role without any right."""
    role = f"reader_{secrets.token_hex(4)}"
    execute(source, f"CREATE ROLE {role} LOGIN PASSWORD 'of the reader'")
    yield Connection(source.endpoint.model_copy(update={"user": role}), "of the reader")
    execute(source, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_wrong_password_is_authentication_failed(source: Connection, dumper: Dumper) -> None:
    wrong = Connection(source.endpoint, "not the password")

    with pytest.raises(AuthenticationFailed, match="user postgres") as caught:
        dumper.engine.plan(wrong, BackupOptions())

    assert "not the password" not in str(caught.value) + caught.value.hint


def test_an_unknown_user_is_authentication_failed(source: Connection, dumper: Dumper) -> None:
    with pytest.raises(AuthenticationFailed, match="user nobody_here"):
        dumper.engine.test(endpoint_of(source, user="nobody_here"))


def test_an_unknown_database_is_named(source: Connection, dumper: Dumper) -> None:
    with pytest.raises(SourceUnreachable, match="database no_such does not exist"):
        dumper.engine.estimate(source.at("no_such"), BackupOptions())


def test_an_unknown_host_is_unreachable(source18: Connection, dumper: Dumper) -> None:
    with pytest.raises(SourceUnreachable, match="no PostgreSQL server answered"):
        dumper.engine.test(endpoint_of(source18, host="no-such-host.invalid"))


def test_a_closed_port_is_unreachable_and_goes_unnamed(
    source18: Connection, dumper: Dumper
) -> None:
    with pytest.raises(SourceUnreachable) as caught:
        dumper.engine.test(endpoint_of(source18, port=1))

    assert "127.0.0.1" not in str(caught.value)


def test_tls_asked_of_a_server_without_it_is_tls_failed(
    source18: Connection, dumper: Dumper
) -> None:
    with pytest.raises(TlsFailed):
        dumper.engine.test(endpoint_of(source18, sslmode=SslMode.REQUIRE))


def test_verify_full_accepts_the_right_root_and_dumps_encrypted(
    postgres15: LocalPostgres,
    database: Callable[..., Connection],
    dumper: Dumper,
    root_certificate: Path,
) -> None:
    connection = endpoint_of(
        database(postgres15), sslmode=SslMode.VERIFY_FULL, sslrootcert=str(root_certificate)
    )

    report = dumper.engine.test(connection)

    assert report.tls
    assert dumper.dump(connection).main.startswith(b"PGDMP")


def test_verify_full_refuses_a_server_of_another_root(
    postgres15: LocalPostgres,
    database: Callable[..., Connection],
    dumper: Dumper,
    stranger_certificate: Path,
) -> None:
    connection = endpoint_of(
        database(postgres15), sslmode=SslMode.VERIFY_FULL, sslrootcert=str(stranger_certificate)
    )

    with pytest.raises(TlsFailed):
        dumper.engine.test(connection)


def test_a_client_without_tls_is_not_chosen_when_tls_is_asked_for(
    postgres18: LocalPostgres, postgres15: LocalPostgres, database: Callable[..., Connection]
) -> None:
    only_18 = Dumper(Path("/nonexistent"), Clients([postgres18.bin_dir]))
    connection = endpoint_of(database(postgres15), sslmode=SslMode.REQUIRE)

    with pytest.raises(TlsFailed, match="built without it"):
        only_18.engine.plan(connection, BackupOptions())


def test_a_server_newer_than_every_client_is_version_unsupported(
    source18: Connection, postgres15: LocalPostgres, scratch: Path
) -> None:
    only_15 = Dumper(scratch, Clients([postgres15.bin_dir]))

    with pytest.raises(VersionUnsupported, match=r"18\.6 .* 15\.18"):
        only_15.dump(source18)


def test_a_server_without_a_client_of_its_own_gets_the_next_higher(
    postgres15: LocalPostgres, postgres18: LocalPostgres, database: Callable[..., Connection]
) -> None:
    only_18 = Dumper(Path("/nonexistent"), Clients([postgres18.bin_dir]))

    plan = only_18.engine.plan(database(postgres15), BackupOptions())

    assert (plan.client_version, plan.restore_needs) == ("18.6", "18")


def test_a_table_the_role_may_not_read_is_named(
    source: Connection, reader: Connection, dumper: Dumper
) -> None:
    execute(source, f"GRANT SELECT ON people TO {reader.endpoint.user}")

    problems = dumper.engine.test(reader).problems
    with pytest.raises(PermissionDenied, match=r"empty_one|parted"):
        dumper.dump(reader)

    assert problems[0].startswith("the role may not read public.empty_one")


def test_row_security_fails_instead_of_hiding_rows(
    source: Connection, reader: Connection, dumper: Dumper
) -> None:
    execute(
        source,
        f"GRANT pg_read_all_data TO {reader.endpoint.user}",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
    )

    problems = dumper.engine.test(reader).problems
    with pytest.raises(PermissionDenied, match=r"hides rows of .*people"):
        dumper.dump(reader)

    assert problems == ("row-level security hides rows of public.people from the role",)


def test_a_reader_of_all_data_can_dump(
    source: Connection, reader: Connection, dumper: Dumper
) -> None:
    execute(
        source,
        f"GRANT pg_read_all_data TO {reader.endpoint.user}",
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    )

    counts = dumper.dump(reader).result.counts

    assert counts.rows == 3090


def test_a_locked_table_is_a_lock_timeout_and_is_named(source: Connection, scratch: Path) -> None:
    impatient = Dumper(scratch, lock_timeout_s=0.5)

    with locked(source, "people"), pytest.raises(LockTimeout, match="people"):
        impatient.dump(source)

    assert impatient.leftovers() == []


@pytest.mark.parametrize("limit_bytes", [40_000, 400_000, 4_000_000])
@pytest.mark.parametrize("file_format", Format)
def test_a_line_cut_while_rows_flow_is_source_lost(
    source18: Connection, dumper: Dumper, limit_bytes: int, file_format: Format
) -> None:
    execute(source18, BIG_TABLE)
    options = BackupOptions(format=file_format, compression=Compression.NONE)
    plan = dumper.engine.plan(source18, options)

    with (
        Proxy(("127.0.0.1", source18.endpoint.port), limit_bytes=limit_bytes) as proxy,
        pytest.raises(SourceLost),
    ):
        dumper.dump_planned(endpoint_of(source18, port=proxy.port), plan)

    assert dumper.leftovers() == []


def test_a_server_that_crashes_while_rows_flow_is_source_lost(
    postgres18: LocalPostgres, source18: Connection, dumper: Dumper
) -> None:
    execute(source18, BIG_TABLE)
    dumper.on_first_bytes = postgres18.kill

    with pytest.raises(SourceLost):
        dumper.dump(source18, UNCOMPRESSED)

    postgres18.start()
    assert dumper.leftovers() == []


def test_a_session_ended_by_the_administrator_is_source_lost(
    source18: Connection, dumper: Dumper
) -> None:
    execute(source18, BIG_TABLE)
    ending = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'holdfast %' AND query LIKE 'COPY%'"
    )

    def ended() -> bool:
        with connected(source18) as session:
            return session.execute(ending.encode()).fetchone() is not None

    # its first bytes are the table of contents; the rows wait for a reader, who waits here
    dumper.on_first_bytes = lambda: await_that(ended)

    with pytest.raises(SourceLost):
        dumper.dump(source18, UNCOMPRESSED)

    await_that(lambda: sessions_of_ours(source18) == 0)
