"""The end of a restore holds the target against the dump, by contents as far as that goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.proof import LARGE_OBJECT_RIGHTS
from chalicelib.domain.restore import Comparison
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import endpoint_of, execute
from tests.support.restoring import Bench, options

pytestmark = pytest.mark.postgres

LAYOUTS = [
    {"format": "custom", "compression": "gzip"},
    {"format": "custom", "compression": "none"},
    {"format": "plain", "compression": "zstd"},
    {"type": "data"},
]
CHANGES = [
    ("UPDATE people SET score = 0.5 WHERE id = 7", "contents of table public.people"),
    ("UPDATE people SET born = NULL WHERE id = 7", "contents of table public.people"),
    ("DELETE FROM people WHERE id = 7", "rows of table public.people"),
    ("DROP TABLE people CASCADE", "rows of table public.people"),
    ("SELECT setval('stepped', 4)", "sequence public.stepped"),
    ("SELECT lo_put(loid, 0, 'x') FROM pg_largeobject LIMIT 1", "contents of large objects"),
]
# rows of very different lengths: the short ones go back into the room that long ones left
UNEVEN = (
    "CREATE TABLE uneven (a int, t text)",
    "ALTER TABLE uneven ALTER t SET STORAGE PLAIN",
    (
        "INSERT INTO uneven SELECT g, repeat('x', 1 + (g * 7919) % 5000)"
        " FROM generate_series(1, 999) g"
    ),
)


def named(found: Comparison) -> set[str]:
    return {one.what for one in found.differences}


@pytest.fixture
def stepped(source18: Connection) -> Connection:
    """Give the sample with a sequence that was used."""
    execute(source18, "CREATE SEQUENCE stepped", "SELECT setval('stepped', 3)")
    return source18


@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_what_was_changed_in_the_target_is_named(
    bench: Bench, stepped: Connection, target18: Connection, change: str, what: str
) -> None:
    found = bench.compared(bench.dump(stepped), target18, None, change)

    assert named(found) == {what}
    assert found.differences_total == 1


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_one_changed_value_is_found_whatever_the_form_of_the_dump(
    bench: Bench, stepped: Connection, target18: Connection, layout: dict[str, str]
) -> None:
    change = "UPDATE people SET score = 0.5 WHERE id = 7"

    found = bench.compared(bench.dump(stepped, **layout), target18, None, change)

    assert named(found) == {"contents of table public.people"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_an_equal_target_says_how_it_was_compared(
    bench: Bench, stepped: Connection, target18: Connection, layout: dict[str, str]
) -> None:
    found = bench.compared(bench.dump(stepped, **layout), target18)

    assert found.is_equal
    assert found.in_order + found.in_any_order == found.tables == 4
    assert (found.rows, found.sequences, found.large_objects) == (3090, 1, 2)
    assert set(found.not_compared) == {"definitions", "public.names", LARGE_OBJECT_RIGHTS}


def test_rows_that_went_in_by_several_sessions_keep_their_order(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    found = bench.compared(bench.dump(source18), target18, options(jobs=2))

    assert (found.in_order, found.in_any_order) == (4, 0)


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_rows_that_came_in_another_order_are_compared_all_the_same(
    bench: Bench, source18: Connection, target18: Connection, compression: str
) -> None:
    source = bench.dump(source18, compression=compression)
    shuffle = "CREATE TABLE other AS SELECT * FROM people ORDER BY name"
    back = ("TRUNCATE people", "INSERT INTO people SELECT * FROM other", "DROP TABLE other")

    found = bench.compared(source, target18, None, shuffle, *back)

    assert found.is_equal
    assert (found.in_order, found.in_any_order) == (3, 1)


def test_rows_that_a_server_shuffles_while_it_takes_them_are_equal(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(source18, *UNEVEN)

    found = bench.compared(bench.dump(source18), target18)

    assert found.is_equal
    assert found.in_order + found.in_any_order == 5


def test_one_value_is_found_among_rows_in_another_order(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    meddling = (
        "CREATE TABLE other AS SELECT * FROM people ORDER BY name",
        "UPDATE other SET name = name || '!' WHERE id = 2000",
        "TRUNCATE people",
        "INSERT INTO people SELECT * FROM other",
    )

    found = bench.compared(bench.dump(source18), target18, None, *meddling)

    assert named(found) == {"contents of table public.people"}


def test_digests_that_nobody_recorded_are_taken_from_the_archive(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = replace(bench.dump(source18), blocks=())

    found = bench.compared(source, target18, None, "UPDATE people SET score = 1 WHERE id = 7")

    assert named(found) == {"contents of table public.people"}
    assert (found.in_order, found.in_any_order) == (0, 3)


def test_a_part_is_compared_with_its_own_rows_and_sequences_only(
    bench: Bench, stepped: Connection, target18: Connection
) -> None:
    source = bench.dump(stepped)

    found = bench.compared(source, target18, options(tables=("public.people",)))

    assert found.is_equal
    assert (found.tables, found.in_order + found.in_any_order) == (1, 1)
    assert (found.sequences, found.large_objects, found.not_compared) == (0, None, {})


def test_a_manifest_of_old_is_compared_by_counts_and_says_so(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    assert source.counts is not None
    old = source.counts.model_copy(update={"facts": None})

    found = bench.compared(replace(source, counts=old), target18)

    assert (found.tables, found.in_order, found.in_any_order) == (4, 0, 0)
    assert "only rows were counted" in found.not_compared["contents of tables"]


def test_a_target_that_cannot_write_values_as_the_source_did_is_compared_by_counts(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    source = bench.dump(source18)
    assert source.counts is not None
    assert source.counts.facts is not None
    settings = {"TimeZone": "Nowhere/At-All"}
    elsewhere = source.counts.facts.model_copy(update={"text_settings": settings})
    counts = source.counts.model_copy(update={"facts": elsewhere})

    found = bench.compared(replace(source, counts=counts), target18)

    assert found.is_equal
    assert (found.tables, found.in_order, found.in_any_order) == (4, 0, 0)
    assert "values that depend on TimeZone" in found.not_compared
    assert "contents of public.people" in found.not_compared


def test_a_table_with_other_columns_is_counted_and_said(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    change = "ALTER TABLE people RENAME name TO called"

    found = bench.compared(bench.dump(source18), target18, None, change)

    assert "other columns" in found.not_compared["contents of public.people"]
    assert found.tables == 4


def test_values_are_written_as_the_source_wrote_them(
    bench: Bench,
    postgres15: LocalPostgres,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    source, target = database(postgres15), database(postgres18)
    name = source.endpoint.database
    execute(
        source,
        f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'",
        f"ALTER DATABASE {name} SET bytea_output = 'escape'",
        f"ALTER DATABASE {name} SET datestyle = 'German'",
    )
    execute(
        source,
        "CREATE TABLE odd (at timestamptz, b bytea, f float8, i interval)",
        "INSERT INTO odd SELECT now(), '\\x00ff41', 0.1 + g, '1 day' FROM generate_series(1, 9) g",
    )

    found = bench.compared(bench.dump(source), target)

    assert found.is_equal
    assert found.in_order == 1


@pytest.fixture
def clerk(source18: Connection, target18: Connection) -> Iterator[Connection]:
    """Give the target as a user reaches it from whom row security hides rows."""
    no_objects = "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"
    execute(source18, "DROP MATERIALIZED VIEW names", no_objects)
    user = f"clerk_{target18.endpoint.database}"
    execute(
        target18,
        f"CREATE ROLE {user} LOGIN PASSWORD 'p'",
        f"GRANT CREATE ON SCHEMA public TO {user}",
    )
    yield replace(endpoint_of(target18, user=user), password="p")
    execute(target18, f"DROP OWNED BY {user}", f"DROP ROLE {user}")


def test_rows_that_are_hidden_from_the_user_are_not_compared_and_said(
    bench: Bench, source18: Connection, target18: Connection, clerk: Connection
) -> None:
    execute(source18, "ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    source = bench.dump(source18)

    found = bench.compared(source, clerk, options(no_owner=True))

    assert found.is_equal
    assert found.not_compared["public.people"] == "row security hides rows of it from the user"
    assert found.in_order + found.in_any_order == found.tables == 3


def test_a_script_says_which_tables_held_rows_before(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(source18, "ALTER TABLE people DROP CONSTRAINT people_pkey", "DROP TABLE parted")
    bench.restore(bench.dump(source18, type="schema"), target18)
    execute(target18, "INSERT INTO people (id) VALUES (-1)")

    script = bench.dump(source18, format="plain", type="data")
    report = bench.restore(script, target18, options(confirm=target18, data_only=True))

    assert report.comparison is not None
    assert report.comparison.is_equal
    assert report.comparison.not_compared["public.people"] == "it held rows before the restore"


def test_a_script_that_fails_is_not_compared_and_says_so(
    bench: Bench, source18: Connection, target18: Connection
) -> None:
    execute(target18, "CREATE TABLE people (unlike text)")
    script = bench.dump(source18, format="plain")

    report = bench.restore(script, target18, options(confirm=target18))

    assert report.errors_total == 1
    assert report.comparison is not None
    assert report.comparison.not_compared == {"rows": "the script did not run to its end"}
