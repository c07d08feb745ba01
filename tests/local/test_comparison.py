from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.comparison import compare, contents
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load

Pair = tuple[psycopg.Connection[Any], psycopg.Connection[Any]]


@pytest.fixture
def pair(database: Callable[..., Connection], postgres18: LocalPostgres) -> Any:
    """Two databases with the same rows."""
    urls = [postgres18.url(database(postgres18).endpoint.database) for _ in range(2)]
    with (
        psycopg.connect(urls[0], autocommit=True) as one,
        psycopg.connect(urls[1], autocommit=True) as other,
    ):
        load(one, 1)
        load(other, 1)
        yield one, other


def _different(pair: Pair) -> set[str]:
    return {d.what for d in compare(contents(pair[0]), contents(pair[1])) if not d.equal}


def test_equal_databases_are_equal_in_everything(pair: Pair) -> None:
    assert _different(pair) == set()


def test_the_order_of_rows_does_not_matter(pair: Pair) -> None:
    pair[1].execute("UPDATE shop.customers SET name = name WHERE id % 2 = 0")

    assert _different(pair) == set()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE shop.customers SET tags = '{x}' WHERE id = 7", "table shop.customers"),
        ("DELETE FROM shop.no_columns", "table shop.no_columns"),
        ("DROP TABLE shop.nothing_yet", "table shop.nothing_yet"),
        ("CREATE TABLE extra (x int)", "table public.extra"),
        ("SELECT nextval('shop.invoice_number')", "sequence shop.invoice_number"),
        (
            "SELECT lo_put(content, 0, 'x') FROM shop.attachments WHERE id = 0",
            "large objects",
        ),
        ("DROP INDEX shop.unpaid_orders", "all indexes"),
        ("DROP POLICY own_notes ON shop.notes", "all policies"),
        ("DROP TRIGGER touch_orders ON shop.orders", "all triggers"),
        ("ALTER TYPE shop.order_state ADD VALUE 'lost'", "all types"),
        ('ALTER TABLE shop.orders DROP CONSTRAINT "ordered by"', "all constraints"),
        ("COMMENT ON VIEW shop.open_orders IS 'other'", "all comments"),
        ("ALTER TABLE shop.cache SET LOGGED", "all relations and their columns"),
        ("ALTER FUNCTION shop.touch() STRICT", "all functions"),
    ],
)
def test_one_change_is_found_where_it_is(pair: Pair, change: str, what: str) -> None:
    pair[1].execute(change.encode())

    assert what in _different(pair)
