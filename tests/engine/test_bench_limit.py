"""The bench's bound reads every row, in every session, of one snapshot."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from chalicelib.local.postgres import LocalPostgres
from tests.bench.limit import drain, parallel_copy

pytestmark = pytest.mark.postgres

ROWS = 20_000
ROW_BYTES = 101


@pytest.fixture
def table(postgres18: LocalPostgres) -> str:
    """Give a table of rows that COPY spells in ROW_BYTES letters each."""
    with closing(psycopg.connect(postgres18.url(), autocommit=True)) as session:
        session.execute("DROP TABLE IF EXISTS bound")
        session.execute(
            "CREATE TABLE bound AS SELECT repeat('x', 100) FROM generate_series(1, 20000)"
        )
    return "bound"


def test_a_session_reads_all_rows(postgres18: LocalPostgres, table: str) -> None:
    with closing(psycopg.connect(postgres18.url())) as session:
        session.execute("SELECT 1")

        assert drain(session, [table, table]) > 2 * ROWS * ROW_BYTES


def test_two_sessions_take_some_time_and_end(postgres18: LocalPostgres, table: str) -> None:
    assert parallel_copy(postgres18, [table, table], 2) > 0
