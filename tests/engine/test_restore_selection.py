"""Chosen tables and schemas come back with what they need; what cannot come along is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Conflict, InvalidRequest, Unsupported
from chalicelib.domain.restore import RestoreReport, TargetState
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import connected, contents, execute
from tests.support.restoring import Bench, options

pytestmark = pytest.mark.postgres

SHOP = (
    "CREATE SCHEMA sales",
    "CREATE TYPE sales.mood AS ENUM ('fine')",
    "CREATE FUNCTION sales.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE sales.customers (id serial PRIMARY KEY, name text UNIQUE)",
    "INSERT INTO sales.customers (name) SELECT n FROM generate_series(1, 20) n",
    (
        "CREATE TABLE sales.orders (id serial PRIMARY KEY, feels sales.mood DEFAULT 'fine',"
        " customer int REFERENCES sales.customers)"
    ),
    "INSERT INTO sales.orders (customer) SELECT n FROM generate_series(1, 20) n",
    "CREATE INDEX orders_by_customer ON sales.orders (customer)",
    (
        "CREATE TRIGGER noted BEFORE INSERT ON sales.orders FOR EACH ROW"
        " EXECUTE FUNCTION sales.note()"
    ),
    "CREATE VIEW sales.names AS SELECT name FROM sales.customers",
    "CREATE TABLE public.other (a int)",
    "INSERT INTO public.other VALUES (1)",
)


@pytest.fixture
def shop(server: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    connection = database(server)
    execute(connection, *SHOP)
    return connection


@pytest.fixture
def target(server: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    return database(server)


def only(found: dict[str, list[str]], *names: str) -> dict[str, list[str]]:
    return {name: found[name] for name in (*names, "large objects")}


def value(connection: Connection, query: str) -> object:
    with connected(connection) as session:
        row = session.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_one_table_comes_with_its_needs_and_without_the_foreign_key(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    report = bench.restore(bench.dump(shop), target, options(tables=("sales.orders",)))

    assert report.errors_total == 0
    assert contents(target) == only(contents(shop), "sales.orders")
    assert [note.what for note in report.skipped] == [
        "fk constraint sales.orders orders_customer_fkey"
    ]
    assert "table sales.customers" in report.skipped[0].message


def test_one_tables_index_trigger_and_sequence_come_along(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    bench.restore(bench.dump(shop), target, options(tables=("sales.orders",)))

    count = "SELECT count(*) FROM pg_{} WHERE {}"
    assert value(target, count.format("indexes", "schemaname = 'sales'")) == 2
    assert value(target, count.format("trigger", "tgname = 'noted'")) == 1
    execute(target, "INSERT INTO sales.orders (customer) VALUES (1)")
    assert value(target, "SELECT max(id) FROM sales.orders") == 21
    owned = "SELECT pg_get_serial_sequence('sales.orders', 'id')"
    assert value(target, owned) == "sales.orders_id_seq"


def test_only_the_chosen_table_is_compared(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    report = bench.restore(bench.dump(shop), target, options(tables=("sales.customers",)))

    assert report.comparison is not None
    assert (report.comparison.tables, report.comparison.rows) == (1, 20)


def test_two_tables_bring_the_foreign_key_between_them(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    both = ("sales.orders", "sales.customers")

    report = bench.restore(bench.dump(shop), target, options(tables=both, jobs=2))

    assert (report.skipped, report.errors_total) == ((), 0)
    assert report.restored["FK CONSTRAINT"] == 1


def test_a_schema_comes_whole_and_alone(bench: Bench, shop: Connection, target: Connection) -> None:
    report = bench.restore(bench.dump(shop), target, options(schemas=("sales",)))

    assert report.errors_total == 0
    assert contents(target) == only(contents(shop), "sales.orders", "sales.customers")
    assert value(target, "SELECT count(*) FROM sales.names") == 20


def test_a_partitioned_table_brings_its_partitions(
    bench: Bench, source: Connection, target: Connection
) -> None:
    report = bench.restore(bench.dump(source), target, options(tables=("parted",)))

    assert report.errors_total == 0
    wanted = only(contents(source), "public.parted", "public.parted_n", "public.parted_s")
    assert contents(target) == wanted | {"large objects": []}


def test_definitions_alone(bench: Bench, shop: Connection, target: Connection) -> None:
    report = bench.restore(bench.dump(shop), target, options(schema_only=True))

    assert report.errors_total == 0
    assert not any(contents(target).values())


def test_rows_alone_go_into_tables_that_are_there(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    source = bench.dump(shop)
    bench.restore(source, target, options(schema_only=True))

    report = bench.restore(source, target, options(data_only=True))

    assert report.errors_total == 0
    assert contents(target) == contents(shop)


def test_rows_never_come_twice(bench: Bench, shop: Connection, target: Connection) -> None:
    source = bench.dump(shop)
    bench.restore(source, target)
    bench.reached.clear()

    with pytest.raises(Conflict, match=r"rows are already in table public.other"):
        bench.restore(source, target, options(data_only=True))

    assert bench.reached == []


def test_rows_without_their_tables_are_refused(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    with pytest.raises(Conflict, match=r"does not have table public.other"):
        bench.restore(bench.dump(shop), target, options(data_only=True))


def test_a_lost_table_comes_back_beside_the_others(bench: Bench, shop: Connection) -> None:
    source, before = bench.dump(shop), contents(shop)
    execute(shop, "DROP TABLE sales.orders")

    report = bench.restore(source, shop, options(tables=("sales.orders",)))

    assert report.errors_total == 0
    assert contents(shop) == before
    assert bench.reached[-1] is TargetState.RESTORED


def test_a_table_that_is_there_is_not_touched_without_clean(bench: Bench, shop: Connection) -> None:
    with pytest.raises(Conflict, match=r"the target already has .*table sales.orders"):
        bench.restore(bench.dump(shop), shop, options(tables=("sales.orders",)))


def test_clean_replaces_just_the_chosen_table(bench: Bench, shop: Connection) -> None:
    source, before = bench.dump(shop), contents(shop)
    execute(shop, "DELETE FROM sales.orders", "INSERT INTO public.other VALUES (2)")

    chosen = options(confirm=shop, clean=True, tables=("sales.orders",))
    report = bench.restore(source, shop, chosen)

    assert report.errors_total == 0
    assert contents(shop)["sales.orders"] == before["sales.orders"]
    assert contents(shop)["public.other"] == ["(1)", "(2)"]


def test_a_view_without_its_table_is_refused_and_names_it(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    with pytest.raises(InvalidRequest, match=r"view sales.names needs table sales.customers"):
        bench.restore(bench.dump(shop), target, options(tables=("sales.names",)))


@pytest.mark.parametrize(
    "chosen", [{"tables": ("sales.absent",)}, {"schemas": ("absent",)}, {"tables": ("a.b.c",)}]
)
def test_what_the_archive_does_not_have_is_refused(
    bench: Bench, shop: Connection, target: Connection, chosen: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        bench.restore(bench.dump(shop), target, options(**chosen))

    assert bench.reached == []


@pytest.mark.parametrize("layout", [{"format": "plain"}, {"type": "data"}], ids=str)
def test_what_has_no_parts_is_restored_whole_or_not_at_all(
    bench: Bench, shop: Connection, target: Connection, layout: dict[str, str]
) -> None:
    with pytest.raises(Unsupported):
        bench.restore(bench.dump(shop, **layout), target, options(tables=("sales.orders",)))


def test_the_report_counts_what_came_by_class(
    bench: Bench, shop: Connection, target: Connection
) -> None:
    report: RestoreReport = bench.restore(
        bench.dump(shop), target, options(tables=("public.other",))
    )

    assert report.restored == {"TABLE": 1, "TABLE DATA": 1}
