"""One installation for all cases, and the database that they back up: PostgreSQL with TLS."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from tests.rehearsal.asking import connection_fields, new_project, shown
from tests.rehearsal.installation import Installation, deployed
from tests.rehearsal.report import note_version
from tests.support.dumping import execute
from tests.support.worker_functions import runtime_client_is_here

WITH_TLS: Final = (17, 15)
"""Majors of Debian, whose programs know TLS; the first one at hand is the source."""
ROWS: Final = 40_000
SAMPLE: Final = (
    "CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL)",
    "INSERT INTO customers SELECT n, md5(n::text) FROM generate_series(1, 20000) AS n",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers)",
    "INSERT INTO orders SELECT n, n FROM generate_series(1, 20000) AS n",
    "SELECT lo_from_bytea(0, '\\x00ff10')",
)


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config) -> Iterator[Installation]:
    """Deploy once; what one case does to it, that case undoes."""
    if not runtime_client_is_here():
        pytest.skip("NOT REHEARSED: awslambdaric is missing")
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as folder,
        deployed(Path(folder)) as made,
    ):
        python = ".".join(map(str, made.package.interpreter.version))
        note_version(pytestconfig, "Python of the functions", python)
        yield made


@pytest.fixture(scope="session")
def source_server(server_certificate: Path, pytestconfig: pytest.Config) -> Iterator[LocalPostgres]:
    """Run a server that takes TLS, with a certificate that names it."""
    programs = {one.major: one for one in find_servers()}
    major = next((major for major in WITH_TLS if major in programs), None)
    if major is None:
        pytest.skip("NOT REHEARSED: no PostgreSQL with TLS on this machine")
    key = server_certificate.with_suffix(".key")
    settings = LocalSettings(durable=False, ssl_cert=server_certificate, ssl_key=key)
    note_version(pytestconfig, "PostgreSQL with TLS", programs[major].version)
    with LocalPostgres(programs[major], settings) as server:
        yield server


@pytest.fixture(scope="session")
def source(source_server: LocalPostgres) -> Connection:
    """Give the database that is backed up; nobody changes it."""
    execute(source_server.connection(), "CREATE DATABASE shop TEMPLATE template0")
    connection = source_server.connection("shop")
    execute(connection, *SAMPLE)
    return connection


@pytest.fixture(scope="session")
def project(installation: Installation, source: Connection, root_certificate: Path) -> str:
    """Give the project of the source, whose server must prove who it is."""
    return new_project(installation, **connection_fields(source, str(root_certificate)))


@pytest.fixture(scope="session")
def nightly(installation: Installation, project: str) -> str:
    """Give a schedule that is due at the next full minute."""
    body = {"name": "often", "project_id": project, "cron": "* * * * *"}
    return str(shown(installation.api.post("/v1/schedules", json=body))["id"])
