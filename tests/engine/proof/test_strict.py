"""Level strict: the source is read a second time, in the snapshot that the dump reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.domain.measure import require_equal
from chalicelib.domain.proof import Outcome, ProofLevel
from chalicelib.local.postgres import LocalPostgres
from tests.support import zoo
from tests.support.dumping import execute
from tests.support.proving import Prover, different

pytestmark = pytest.mark.postgres

ODD = (
    'CREATE TABLE "od.d""ities" (a int, gone text, b int GENERATED ALWAYS AS (a * 2) STORED)',
    'INSERT INTO "od.d""ities" SELECT g FROM generate_series(1, 99) g',
    'ALTER TABLE "od.d""ities" DROP COLUMN gone',
    "CREATE TABLE nothing ()",
    "INSERT INTO nothing SELECT FROM generate_series(1, 3)",
    "CREATE TABLE floats (f float8, at timestamptz, i interval, b bytea)",
    "INSERT INTO floats SELECT g / 3.0, now(), '1 day', '\\x00ff' FROM generate_series(1, 9) g",
)


@pytest.fixture
def strict(prover: Prover) -> Prover:
    prover.dumper.reads_twice = True
    return prover


@pytest.mark.parametrize("kind", [BackupType.FULL, BackupType.DATA, BackupType.SCHEMA])
def test_both_readings_of_every_table_are_the_same(
    shop: Connection, strict: Prover, kind: BackupType
) -> None:
    execute(shop, *ODD)

    dumped = strict.dumper.dump(shop, BackupOptions(type=kind))

    counts = dumped.result.counts
    assert require_equal(counts, strict.blocks(dumped)) == ()
    assert counts.facts is not None
    assert len(counts.facts.copies or {}) == len(counts.tables)


def test_both_readings_of_the_zoo_are_the_same(shop18: Connection, strict: Prover) -> None:
    zoo.build(shop18)

    dumped = strict.dumper.dump(shop18)

    assert require_equal(dumped.result.counts, strict.blocks(dumped)) == ()


def test_both_readings_are_in_the_encoding_of_the_database(
    postgres18: LocalPostgres, database: Callable[..., Connection], strict: Prover
) -> None:
    name = database(postgres18).endpoint.database + "_latin"
    create = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'"
    execute(postgres18.connection(), create)
    source = postgres18.connection(name)
    execute(source, "CREATE TABLE words (w text)", "INSERT INTO words VALUES ('caf\u00e9')")
    try:
        dumped = strict.dumper.dump(source)
    finally:
        execute(postgres18.connection(), f"DROP DATABASE {name}")

    assert require_equal(dumped.result.counts, strict.blocks(dumped)) == ()


def test_both_readings_see_the_snapshot_and_not_what_others_write_meanwhile(
    shop18: Connection, strict: Prover
) -> None:
    strict.dumper.on_first_bytes = lambda: execute(shop18, "DELETE FROM orders WHERE id > 40")

    dumped = strict.dumper.dump(shop18)

    assert require_equal(dumped.result.counts, strict.blocks(dumped)) == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE people SET name = 'someone' WHERE id = 7", "public.people"),
        ("SELECT lo_put(77, 0, 'S')", "large objects"),
    ],
)
def test_an_archive_with_another_value_than_the_source_gave_is_refused_by_name(
    shop18: Connection, strict: Prover, change: str, named: str
) -> None:
    counts = strict.dumper.dump(shop18).result.counts
    execute(shop18, change)
    other = strict.dumper.dump(shop18)

    with pytest.raises(IntegrityFailed, match=named):
        require_equal(counts, strict.blocks(other))


@pytest.mark.parametrize("file_format", [Format.CUSTOM, Format.PLAIN])
def test_a_restored_copy_is_compared_with_what_the_source_gave(
    shop18: Connection, strict: Prover, file_format: Format
) -> None:
    options = BackupOptions(format=file_format)
    dumped = strict.dumper.dump(shop18, options)
    execute(shop18, "UPDATE people SET name = 'someone' WHERE id = 7")
    other = strict.dumper.dump(shop18, options)

    equal = strict.prove(dumped, level=ProofLevel.STRICT)
    unequal = strict.prove(other, level=ProofLevel.STRICT, counts=dumped.result.counts)

    assert equal.outcome is Outcome.EQUAL, equal.sentence
    assert different(unequal) == {"contents of table public.people"}


def test_a_dump_whose_source_was_read_once_has_no_strict_proof(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)

    with pytest.raises(Unsupported, match="read once"):
        prover.prove(dumped, level=ProofLevel.STRICT)
