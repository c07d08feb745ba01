"""What a look at a server tells, without dumping it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.backup import Asked, BackupOptions, BackupType, Compression, Format
from chalicelib.domain.connection import Connection, SslMode
from chalicelib.domain.errors import Unsupported
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import Dumper, endpoint_of, execute, locked

pytestmark = pytest.mark.postgres


def test_a_test_reports_version_role_and_fitting_clients(
    postgres15: LocalPostgres, database: Callable[..., Connection], dumper: Dumper
) -> None:
    report = dumper.engine.test(database(postgres15))

    assert report.server_version == "15.18"
    assert (report.is_superuser, report.bypasses_rls, report.is_replica) == (True, True, False)
    assert set(report.clients) >= {"15.18", "18.6"}
    assert report.problems == ()


@pytest.mark.parametrize("sslmode", [SslMode.REQUIRE, SslMode.DISABLE])
def test_a_test_reports_whether_the_line_is_encrypted(
    postgres15: LocalPostgres,
    database: Callable[..., Connection],
    dumper: Dumper,
    sslmode: SslMode,
) -> None:
    report = dumper.engine.test(endpoint_of(database(postgres15), sslmode=sslmode))

    assert report.tls is (sslmode is SslMode.REQUIRE)
    assert ("the connection is not encrypted" in report.warnings) is not report.tls


def test_databases_are_listed_without_templates(
    postgres18: LocalPostgres, database: Callable[..., Connection], dumper: Dumper
) -> None:
    connection = database(postgres18, "a listed one")

    names = dumper.engine.databases(connection)

    assert {"postgres", "a listed one"} <= set(names)
    assert not {"template0", "template1"} & set(names)


def test_an_estimate_sizes_tables_and_large_objects(source: Connection, dumper: Dumper) -> None:
    estimate = dumper.engine.estimate(source, BackupOptions())

    assert estimate.large_objects == 2
    assert 200_000 < estimate.table_bytes < estimate.database_bytes


def test_an_estimate_of_a_schema_holds_no_rows(source18: Connection, dumper: Dumper) -> None:
    estimate = dumper.engine.estimate(source18, BackupOptions(type=BackupType.SCHEMA))

    assert (estimate.table_bytes, estimate.large_objects) == (0, 0)


def test_a_locked_table_does_not_stop_an_estimate(source18: Connection, dumper: Dumper) -> None:
    execute(source18, "ANALYZE people")

    with locked(source18, "people"):
        estimate = dumper.engine.estimate(source18, BackupOptions())

    assert estimate.table_bytes > 200_000


def test_a_plan_takes_the_server_s_own_major(source: Connection, dumper: Dumper) -> None:
    plan = dumper.engine.plan(source, BackupOptions())

    assert plan.client_version == plan.server_version
    assert plan.restore_needs == plan.server_version.split(".", maxsplit=1)[0]
    assert (plan.format, plan.compression) == (Format.CUSTOM, Compression.GZIP)


def test_a_plan_warns_of_clients_below_the_floor(source18: Connection, dumper: Dumper) -> None:
    [warning] = dumper.engine.plan(source18, BackupOptions()).warnings

    assert "CVE-2026-116314" in warning
    assert "18.7" in warning


def test_a_codec_no_client_has_is_unsupported(source18: Connection, dumper: Dumper) -> None:
    with pytest.raises(Unsupported, match="zstd"):
        dumper.engine.plan(source18, BackupOptions(compression=Compression.ZSTD))


@pytest.mark.parametrize("asked", [Asked.PROOF, Asked.COUNTS, Asked.STRICT])
def test_an_estimate_of_a_proven_backup_tells_the_scratch_it_takes(
    source18: Connection, dumper: Dumper, asked: Asked
) -> None:
    estimate = dumper.engine.estimate(source18, BackupOptions(verification=asked))

    assert estimate.proof_bytes > estimate.database_bytes
    assert estimate.scratch_bytes is not None
    assert estimate.scratch_bytes > estimate.proof_bytes


@pytest.mark.parametrize("asked", [None, Asked.ARCHIVE])
def test_an_estimate_without_a_proof_looks_for_no_scratch(
    source18: Connection, dumper: Dumper, asked: Asked | None
) -> None:
    estimate = dumper.engine.estimate(source18, BackupOptions(verification=asked))

    assert (estimate.proof_bytes, estimate.scratch_bytes) == (0, None)
