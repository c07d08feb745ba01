"""The backup of a Supabase project is proven in a plain server that knows no platform."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Component, SourceCounts
from chalicelib.domain.manifest import ManifestPart
from chalicelib.domain.proof import Outcome, ProofReport
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.postgres_ports import DumpRequest
from chalicelib.supabase.parts import extent
from tests.support.dumping import RUN_ID, Dumped, Dumper
from tests.support.proving import Prover, different

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

OPTIONS = BackupOptions(components=tuple(Component))
USERS = 9


@dataclass(frozen=True)
class Proving:
    """Hold a seeded project's dump and a prover for it."""

    stand_in: SupabaseStandIn
    prover: Prover
    dumped: Dumped

    def proven(self, dumped: Dumped) -> ProofReport:
        taken = extent(self.stand_in.settings, OPTIONS)
        counted = dumped.result.parts
        parts = tuple(
            ManifestPart(name=one.name, type=one.type, counts=counted.get(one.name, SourceCounts()))
            for one in taken.parts
        )
        return self.prover.prove(dumped, parts=parts, has_roles=True)


def dumped_from(stand_in: SupabaseStandIn, dumper: Dumper) -> Dumped:
    taken = extent(stand_in.settings, OPTIONS)
    plan = dumper.engine.plan(stand_in.connection, OPTIONS)
    request = DumpRequest(
        stand_in.connection,
        plan,
        RUN_ID,
        scope=taken.scope,
        parts=taken.parts,
        readings=taken.readings,
    )
    return dumper.run(request)


@pytest.fixture(scope="module")
def proving() -> Iterator[Proving]:
    """Seed a project, and dump it once."""
    # the account of the scratch server must be able to enter the folder
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder,
        SupabaseStandIn(find_servers()[0]) as stand_in,
    ):
        Path(folder).chmod(0o755)
        stand_in.seed(USERS, 4)
        prover = Prover(Dumper(Path(folder)))
        yield Proving(stand_in, prover, dumped_from(stand_in, prover.dumper))


def test_a_project_is_proven_equal(proving: Proving) -> None:
    report = proving.proven(proving.dumped)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert report.compared.rows > USERS * 5
    assert report.compared.roles >= 4


def test_what_a_plain_server_cannot_have_is_told_and_nothing_else(proving: Proving) -> None:
    report = proving.proven(proving.dumped)

    told = {gap.what for gap in report.unproven}
    schemas = {what.rpartition(" ")[2] for what in told if what.startswith("everything in schema")}
    tables = {what.rpartition(" ")[2] for what in told if what.startswith("rows of table auth")}
    assert schemas == {
        "cron",
        "extensions",
        "graphql",
        "graphql_public",
        "supabase_migrations",
        "vault",
    }
    assert tables == {
        "auth.audit_log_entries",
        "auth.flow_state",
        "auth.mfa_challenges",
        "auth.one_time_tokens",
        "auth.schema_migrations",
    }


def test_a_user_too_many_is_found_out(proving: Proving) -> None:
    with proving.stand_in.admin_session() as session:
        session.execute(
            "INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), 'late@example.org')"
        )
    later = dumped_from(proving.stand_in, proving.prover.dumper)

    report = proving.proven(replace(later, result=proving.dumped.result))

    assert report.outcome is Outcome.DIFFERENT
    assert {"rows of table auth.users", "rows of table public.profiles"} <= different(report)
