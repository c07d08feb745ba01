"""The SQL that the pages offer makes an account that may read everything and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.reader_role import READER, reader_sql
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load


@pytest.fixture
def reader(database: Callable[..., Connection], postgres18: LocalPostgres) -> Iterator[Connection]:
    connection = database(postgres18)
    with psycopg.connect(postgres18.url(connection.endpoint.database), autocommit=True) as session:
        load(session, 1)
        session.execute(reader_sql("abc-DEF_123").encode())
        endpoint = connection.endpoint.model_copy(update={"user": READER})
        yield replace(connection, endpoint=endpoint, password="abc-DEF_123")
        session.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}".encode())


@pytest.mark.postgres
def test_it_reads_every_row_and_changes_none(reader: Connection) -> None:
    endpoint = reader.endpoint
    with psycopg.connect(
        host=endpoint.host, port=endpoint.port, dbname=endpoint.database,
        user=endpoint.user, password=reader.password, autocommit=True,
    ) as session:  # fmt: skip
        notes = session.execute("SELECT count(*) FROM shop.notes").fetchone()
        attachments = session.execute(
            "SELECT count(lo_get(content)) FROM shop.attachments"
        ).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("DELETE FROM shop.notes")

    # half of them belong to nobody else's role, which row security would hide
    assert notes == (40,)
    assert attachments == (2,)
