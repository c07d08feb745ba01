"""Roles are made by the statements that the backup keeps, and must then be those of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from psycopg import sql

from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.connection import Connection
from chalicelib.domain.dump_scope import Reading
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.proof import Outcome, ProofReport
from chalicelib.domain.role_statements import ROLES, roles_query
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import DumpRequest
from tests.support.dumping import RUN_ID, Dumped, connected, execute
from tests.support.proving import Prover, different

pytestmark = pytest.mark.postgres

NAMES = ("proof team", "proof_reader", "proof_plain")
MADE = (
    'CREATE ROLE "proof team" NOLOGIN BYPASSRLS',
    "CREATE ROLE proof_reader LOGIN NOINHERIT CONNECTION LIMIT 3 VALID UNTIL '2031-01-01 12:00+00'",
    'GRANT "proof team" TO proof_reader WITH ADMIN OPTION',
    "GRANT pg_monitor TO proof_reader",
    "ALTER ROLE proof_reader SET statement_timeout = '90s'",
    "ALTER ROLE proof_reader SET default_transaction_read_only = on",
    "COMMENT ON ROLE proof_reader IS E'reads\\nreports'",
    "CREATE TABLE kept (id int)",
    'ALTER TABLE kept OWNER TO "proof team"',
)


@pytest.fixture
def source(database: Callable[..., Connection], server: LocalPostgres) -> Iterator[Connection]:
    """Give a database whose table belongs to one of the roles; these are gone afterwards."""
    yield from furnished(database(server))


@pytest.fixture
def source18(
    database: Callable[..., Connection], postgres18: LocalPostgres
) -> Iterator[Connection]:
    """Give the same on PostgreSQL 18 only."""
    yield from furnished(database(postgres18))


def furnished(connection: Connection) -> Iterator[Connection]:
    execute(connection, *MADE)
    yield connection
    with connected(connection) as session:
        session.execute("DROP TABLE kept")
        for name in NAMES:
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def dumped(prover: Prover, source: Connection) -> Dumped:
    dumper = prover.dumper
    plan = dumper.engine.plan(source, BackupOptions())
    request = DumpRequest(source, plan, RUN_ID, readings=(Reading(ROLES, roles_query()),))
    return dumper.run(request)


def proven(prover: Prover, found: Dumped, edit: Callable[[str], str] = str) -> ProofReport:
    """Prove a dump whose statements were changed."""
    files = {**found.files, ROLES: edit(found.files[ROLES].decode()).encode()}
    return prover.prove(replace(found, files=files), has_roles=True)


def test_roles_come_back_with_attributes_memberships_settings_and_comments(
    prover: Prover, source: Connection
) -> None:
    report = proven(prover, dumped(prover, source))

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert report.compared.roles >= 7
    assert "statements on roles" in report.sentence
    assert report.unproven == ()


def test_a_role_that_is_only_named_is_made_plain(prover: Prover, source18: Connection) -> None:
    found = dumped(prover, source18)

    report = proven(prover, found, lambda text: text + "GRANT proof_plain TO proof_reader;\n")

    assert report.outcome is Outcome.EQUAL, report.sentence


def test_a_statement_that_the_server_refuses_is_a_difference(
    prover: Prover, source18: Connection
) -> None:
    found = dumped(prover, source18)

    report = proven(prover, found, lambda text: text.replace("LIMIT 3", "LIMIT -7"))

    assert report.outcome is Outcome.DIFFERENT
    assert any("LIMIT -7" in what for what in different(report))


def test_a_setting_for_a_database_that_is_not_here_is_told(
    prover: Prover, source18: Connection
) -> None:
    execute(
        source18, f"ALTER ROLE proof_reader IN DATABASE {source18.endpoint.database} SET jit = off"
    )

    report = proven(prover, dumped(prover, source18))

    (gap,) = report.unproven
    assert report.outcome is Outcome.EQUAL, report.sentence
    assert "jit" in gap.what
    assert "does not exist" in gap.reason


def test_a_statement_of_another_kind_is_never_run(prover: Prover, source18: Connection) -> None:
    found = dumped(prover, source18)

    with pytest.raises(IntegrityFailed, match="no statement of ours"):
        proven(prover, found, lambda text: text + "DROP ROLE proof_reader;\n")
