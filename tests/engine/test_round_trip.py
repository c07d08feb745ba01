"""What comes out of a dump restores, by stock programs, to what went in."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from chalicelib.domain.backup import BackupOptions, BackupType, Compression, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.object_keys import dump_names
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import (
    Bystander,
    Dumper,
    connected,
    contents,
    endpoint_of,
    execute,
    restore,
)

LAYOUTS = [
    *((Format.CUSTOM, codec) for codec in (None, Compression.GZIP, Compression.NONE)),
    *((Format.PLAIN, codec) for codec in (None, *Compression)),
]
WITH_ROWS = [
    BackupOptions(type=kind, format=file_format, compression=codec)
    for kind in (BackupType.FULL, BackupType.DATA)
    for file_format, codec in LAYOUTS
]
HOSTILE = [
    "quote\"d ' name",
    "--file=x",
    "a=b host=elsewhere",
    "postgresql://elsewhere/other",
    "$(id)`id`",
    "line\nbreak\\connect other",
    "näme-数据-🐘",
    "x" * 63,
]


@pytest.mark.postgres
@pytest.mark.parametrize("options", WITH_ROWS, ids=str)
def test_rows_come_back_equal(
    server: LocalPostgres,
    source: Connection,
    database: Callable[..., Connection],
    dumper: Dumper,
    options: BackupOptions,
) -> None:
    target = database(server)

    dumped = dumper.dump(source, options)
    restore(dumped, target, server.bin_dir)

    assert contents(target) == contents(source)
    plan = dumped.plan
    assert set(dumped.files) == set(dump_names(plan.type, plan.format, plan.compression))


@pytest.mark.postgres
@pytest.mark.parametrize("file_format", Format)
def test_a_schema_backup_brings_tables_without_rows(
    server: LocalPostgres,
    source: Connection,
    database: Callable[..., Connection],
    dumper: Dumper,
    file_format: Format,
) -> None:
    target = database(server)

    dumped = dumper.dump(source, BackupOptions(type=BackupType.SCHEMA, format=file_format))
    restore(dumped, target, server.bin_dir)

    assert contents(target) == {key: [] for key in contents(source)}
    assert dumped.result.counts.tables == ()


@pytest.mark.postgres
def test_counts_are_those_of_every_table_that_holds_rows(
    source: Connection, dumper: Dumper
) -> None:
    counts = dumper.dump(source).result.counts

    found = {table.table: table.rows for table in counts.tables}
    assert found == {"people": 3000, "empty_one": 0, "parted_n": 30, "parted_s": 60}
    assert counts.large_objects == 2
    assert list(counts.uncounted) == ["public.names"]


@pytest.mark.postgres
def test_raw_bytes_of_a_plain_dump_are_the_script_s_length(
    source18: Connection, dumper: Dumper
) -> None:
    none = BackupOptions(format=Format.PLAIN, compression=Compression.NONE)

    dumped = dumper.dump(source18, none)

    assert dumped.result.raw_bytes == len(dumped.main)


@pytest.mark.postgres
def test_dump_and_counts_are_of_one_moment_while_rows_pour_in(
    server: LocalPostgres,
    source: Connection,
    database: Callable[..., Connection],
    dumper: Dumper,
) -> None:
    execute(source, "CREATE TABLE log_a (n int)", "CREATE TABLE log_b (n int)")
    target = database(server)
    stop, wrote = threading.Event(), threading.Event()
    writer = threading.Thread(target=_write_pairs, args=(source, stop, wrote))
    writer.start()
    assert wrote.wait(10)

    dumped = dumper.dump(source, BackupOptions(type=BackupType.DATA))
    stop.set()
    writer.join()
    restore(dumped, target, server.bin_dir)

    restored = contents(target)
    counted = {table.table: table.rows for table in dumped.result.counts.tables}
    assert restored["public.log_a"] == restored["public.log_b"]
    assert counted["log_a"] == counted["log_b"] == len(restored["public.log_a"]) > 0


@pytest.mark.postgres
@pytest.mark.parametrize("name", HOSTILE)
def test_a_database_of_any_name_is_dumped_itself(
    server: LocalPostgres, database: Callable[..., Connection], dumper: Dumper, name: str
) -> None:
    source, target = database(server, name), database(server)
    execute(source, "CREATE TABLE here (i int)", "INSERT INTO here VALUES (42)")

    restore(dumper.dump(source), target, server.bin_dir)

    assert contents(target)["public.here"] == ["(42)"]


@pytest.mark.postgres
@pytest.mark.parametrize("name", HOSTILE)
def test_tables_and_schemas_of_any_name_come_back_counted(
    postgres18: LocalPostgres, database: Callable[..., Connection], dumper: Dumper, name: str
) -> None:
    source, target = database(postgres18), database(postgres18)
    quoted = '"' + name.replace('"', '""') + '"'
    execute(
        source,
        f"CREATE SCHEMA {quoted}",
        f"CREATE TABLE {quoted}.{quoted} ({quoted} text)",
        f"ALTER TABLE {quoted}.{quoted} ADD id int DEFAULT 1",
    )
    fill = sql.SQL("INSERT INTO {} VALUES ('row')").format(sql.Identifier(name, name))
    with connected(source) as session:
        session.execute(fill)

    dumped = dumper.dump(source)
    restore(dumped, target, postgres18.bin_dir)

    assert contents(target) == contents(source)
    [table] = dumped.result.counts.tables
    assert (table.schema_name, table.table, table.rows) == (name, name, 1)


@pytest.mark.postgres
def test_a_unix_socket_serves_as_well(
    postgres18: LocalPostgres, source18: Connection, dumper: Dumper
) -> None:
    by_socket = endpoint_of(source18, host=str(postgres18.socket_dir))

    dumped = dumper.dump(by_socket)

    assert dumped.main.startswith(b"PGDMP")


@pytest.mark.postgres
def test_rows_of_extension_tables_are_listed_as_uncounted(
    postgres18: LocalPostgres, source18: Connection, dumper: Dumper
) -> None:
    execute(source18, "CREATE EXTENSION hstore", "ALTER EXTENSION hstore ADD TABLE empty_one")

    counts = dumper.dump(source18).result.counts

    assert "extension" in counts.uncounted["public.empty_one"]
    assert "empty_one" not in {table.table for table in counts.tables}


@pytest.mark.postgres
def test_progress_ends_with_all_tables_done(source18: Connection, dumper: Dumper) -> None:
    watch = Bystander()

    dumped = dumper.dump(source18, watch=watch)

    last = watch.published[-1]
    assert last.stored_bytes == len(dumped.main)
    assert last.tables_done == last.tables_total == 4


def _write_pairs(connection: Connection, stop: threading.Event, wrote: threading.Event) -> None:
    with connected(connection) as session:
        number = 0
        while not stop.is_set():
            number += 1
            _write_pair(session, number)
            wrote.set()


def _write_pair(session: psycopg.Connection[tuple[object, ...]], number: int) -> None:
    with session.transaction():
        session.execute("INSERT INTO log_a VALUES (%s)", (number,))
        session.execute("INSERT INTO log_b VALUES (%s)", (number,))
