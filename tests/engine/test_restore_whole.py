"""A whole restore brings back what was dumped, compares it, and says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.backup import SourceCounts, TableCount
from chalicelib.domain.connection import Connection
from chalicelib.domain.restore import TargetState
from chalicelib.engine.clients import Clients
from chalicelib.local.comparison import compare
from chalicelib.local.comparison import contents as all_of
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import connected, contents, execute
from tests.support.restoring import Bench, options

pytestmark = pytest.mark.postgres

LAYOUTS = [
    {"format": "custom", "compression": "gzip"},
    {"format": "custom", "compression": "none"},
    {"format": "plain", "compression": "none"},
    {"format": "plain", "compression": "gzip"},
    {"format": "plain", "compression": "bzip2"},
    {"format": "plain", "compression": "zstd"},
    {"type": "data"},
]
ZOO = (
    'CREATE SCHEMA "od""d; DROP"',
    "CREATE TYPE mood AS ENUM ('fine', 'it''s so-so')",
    "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)",
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1'",
    "CREATE SEQUENCE alone START 7",
    "SELECT nextval('alone')",
    'CREATE TABLE "od""d; DROP"."=x --file" (id serial PRIMARY KEY, feels mood, s short)',
    (
        'INSERT INTO "od""d; DROP"."=x --file" (feels, s) SELECT \'fine\', n FROM'
        " generate_series(1, 50) n"
    ),
    'CREATE TABLE lines (n int REFERENCES "od""d; DROP"."=x --file", m int DEFAULT twice(3))',
    "INSERT INTO lines SELECT n FROM generate_series(1, 50) n",
    "CREATE INDEX ON lines (m) WHERE n > 3",
    "CREATE VIEW sums AS SELECT count(*) FROM lines",
    "CREATE MATERIALIZED VIEW held AS SELECT n FROM lines",
    "COMMENT ON TABLE lines IS E'one\\ntwo; DROP'",
    "ALTER TABLE lines ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON lines USING (n > 1)",
    "SELECT lo_from_bytea(0, '\\x00ff')",
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_row_comes_back(
    bench: Bench,
    server: LocalPostgres,
    source: Connection,
    database: Callable[..., Connection],
    layout: dict[str, str],
) -> None:
    target = database(server)

    report = bench.restore(bench.dump(source, **layout), target)

    assert report.comparison is not None
    assert report.comparison.is_equal
    assert (report.errors_total, report.comparison.rows) == (0, 3090)
    assert contents(target) == contents(source)
    assert bench.reached == [TargetState.PARTIAL, TargetState.RESTORED]
    assert bench.leftovers() == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_kind_of_object_comes_back_equal(
    bench: Bench, server: LocalPostgres, database: Callable[..., Connection], jobs: int
) -> None:
    source, target = database(server), database(server)
    execute(source, *ZOO)

    report = bench.restore(bench.dump(source), target, options(jobs=jobs))

    assert report.errors_total == 0
    with connected(source) as one, connected(target) as other:
        differences = [d for d in compare(all_of(one), all_of(other)) if not d.equal]
    assert differences == []


def test_rows_of_15_come_back_in_18(
    bench: Bench, source15: Connection, target18: Connection
) -> None:
    report = bench.restore(bench.dump(source15), target18, options(jobs=2))

    assert report.errors_total == 0
    assert contents(target18) == contents(source15)


def test_an_archive_that_can_only_be_streamed_comes_back_too(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    bench.streams = True

    report = bench.restore(bench.dump(source18), target18)

    assert report.errors_total == 0
    assert contents(target18) == contents(source18)


def test_a_dump_by_18_of_15_loses_one_setting_in_15_and_says_so(
    bench: Bench,
    postgres15: LocalPostgres,
    postgres18: LocalPostgres,
    source15: Connection,
    database: Callable[..., Connection],
) -> None:
    target = database(postgres15)
    bench.clients = Clients([postgres18.bin_dir])

    report = bench.restore(bench.dump(source15), target)

    assert (report.errors_total, report.ignored_total) == (0, 1)
    assert "PostgreSQL 17" in report.ignored[0].advice
    assert contents(target) == contents(source15)


def test_hostile_database_names_are_names(
    bench: Bench,
    postgres18: LocalPostgres,
    source18: Connection,
    database: Callable[..., Connection],
) -> None:
    target = database(postgres18, "a=b host=elsewhere '--file=x")

    bench.restore(bench.dump(source18), target)

    assert contents(target) == contents(source18)


def test_a_target_with_other_rows_than_recorded_is_told_by_table(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    assert source.counts is not None
    wrong = [_with_rows(t, 2999) if t.table == "people" else t for t in source.counts.tables]
    absent = TableCount(schema_name="gone", table="away", rows=1)
    counts = source.counts.model_copy(update={"tables": (*wrong, absent)})

    report = bench.restore(replace(source, counts=counts), target18)

    assert report.comparison is not None
    found = {d.what: (d.expected, d.found) for d in report.comparison.differences}
    assert found == {
        "rows of table public.people": ("2999", "3000"),
        "rows of table gone.away": ("1", None),
    }


def test_missing_large_objects_differ(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    counts = (source.counts or SourceCounts()).model_copy(update={"large_objects": 3})

    report = bench.restore(replace(source, counts=counts), target18)

    assert report.comparison is not None
    assert [d.what for d in report.comparison.differences] == ["number of large objects"]


def test_a_dump_of_the_schema_is_not_compared_and_says_why(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    report = bench.restore(bench.dump(source18, type="schema"), target18)

    assert report.comparison is not None
    assert report.comparison.not_compared["rows"] == "only definitions were restored"
    assert (report.errors_total, report.restored["TABLE"]) == (0, 5)


def test_clean_replaces_what_is_there(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    bench.restore(source, target18)
    execute(target18, "DELETE FROM people", "CREATE TABLE bystander ()")

    report = bench.restore(source, target18, options(confirm=target18, clean=True))

    assert report.errors_total == 0
    assert contents(target18) == contents(source18) | {"public.bystander": []}


def _with_rows(table: TableCount, rows: int) -> TableCount:
    return table.model_copy(update={"rows": rows})
