"""A dump and the parts that lie beside it are proven as one: together they make one database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Format
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection
from chalicelib.domain.dump_scope import DumpPart, DumpScope, Reading
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import ManifestPart
from chalicelib.domain.proof import Outcome, ProofReport
from chalicelib.domain.role_statements import ROLES, roles_query
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import DumpRequest
from tests.support.dumping import RUN_ID, Bystander, Dumped, execute
from tests.support.proving import Prover, different

pytestmark = pytest.mark.postgres

SHOP = (
    "CREATE SCHEMA platform",
    "CREATE SCHEMA tools",
    "CREATE TABLE platform.users (id int PRIMARY KEY, name text)",
    "CREATE TABLE platform.visits (id serial PRIMARY KEY, at timestamptz DEFAULT now())",
    "INSERT INTO platform.users SELECT g, 'u' || g FROM generate_series(1, 30) g",
    "INSERT INTO platform.visits SELECT FROM generate_series(1, 7)",
    "CREATE TABLE tools.job (id int)",
    "CREATE FUNCTION tools.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION tools.watch()",
    "CREATE TABLE profiles (id int PRIMARY KEY REFERENCES platform.users, handle text)",
    "INSERT INTO profiles SELECT id, name FROM platform.users",
    "CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER on_user AFTER INSERT ON platform.users FOR EACH ROW EXECUTE FUNCTION welcome()",
    "CREATE POLICY known ON platform.users USING (id IN (SELECT id FROM profiles))",
    "CREATE MATERIALIZED VIEW handles AS SELECT handle FROM profiles",
    "CREATE PUBLICATION news FOR TABLE profiles, platform.users",
    "SELECT lo_from_bytea(0, 'seven')",
)
DEFINED = DumpPart("platform.dump", BackupType.SCHEMA, DumpScope(schemas=("platform",)))
FILLED = DumpPart("users.dump", BackupType.DATA, DumpScope(tables=(("platform", "users"),)))
SCOPE = DumpScope(exclude_schemas=("platform", "tools"))
UNPROVEN = {
    "everything in schema tools",
    "event trigger watching",
    "publication news",
    "rows of table platform.visits",
    "rows of table public.handles",  # a materialised view: a restore computes it again
    "sequence platform.visits_id_seq",
}


@dataclass(frozen=True)
class Joint:
    """Dump with parts, prove with parts; `roles` adds the statements that make the roles."""

    prover: Prover
    source: Connection

    def dumped(self, kind: BackupType = BackupType.FULL, *, roles: bool = False) -> Dumped:
        dumper = self.prover.dumper
        plan = dumper.engine.plan(self.source, BackupOptions(type=kind))
        readings = (Reading(ROLES, roles_query()),) if roles else ()
        request = DumpRequest(
            self.source, plan, RUN_ID, scope=SCOPE, parts=(DEFINED, FILLED), readings=readings
        )
        return dumper.run(request)

    def proven(
        self, dumped: Dumped, blocks_of_part: tuple[BlockDigest, ...] = (), **changes: object
    ) -> ProofReport:
        counts = dumped.result.parts[FILLED.name]
        parts = (
            ManifestPart(name=DEFINED.name, type=DEFINED.type),
            ManifestPart(name=FILLED.name, type=FILLED.type, counts=counts, blocks=blocks_of_part),
        )
        has_roles = ROLES in dumped.files
        request = self.prover.request(dumped, parts=parts, has_roles=has_roles, **changes)
        engine = self.prover.dumper.engine
        return engine.prove(request, lambda name: iter([dumped.files[name]]), Bystander())


@pytest.fixture
def joint(prover: Prover, database: Callable[..., Connection], server: LocalPostgres) -> Joint:
    source = database(server)
    execute(source, *SHOP)
    return Joint(prover, source)


@pytest.fixture
def joint18(
    prover: Prover, database: Callable[..., Connection], postgres18: LocalPostgres
) -> Joint:
    source = database(postgres18)
    execute(source, *SHOP)
    return Joint(prover, source)


BOTH = [BackupType.FULL, BackupType.DATA]


@pytest.mark.parametrize("kind", BOTH)
def test_a_dump_and_its_parts_are_proven_equal(joint: Joint, kind: BackupType) -> None:
    dumped = joint.dumped(kind)

    report = joint.proven(dumped)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert (report.compared.tables, report.compared.rows) == (2, 60)
    assert report.compared.digests == 2
    assert {gap.what for gap in report.unproven} == UNPROVEN


def test_digests_on_record_of_a_part_are_held_against_the_copy(joint18: Joint) -> None:
    earlier = joint18.dumped()
    execute(joint18.source, "UPDATE platform.users SET name = 'x' WHERE id = 3")
    later = joint18.dumped()
    report = joint18.prover.dumper.engine.check(
        later.plan.format, later.plan.compression, iter([earlier.files[FILLED.name]]), Bystander()
    )

    found = joint18.proven(later, blocks_of_part=report.blocks)

    assert different(found) == {"contents of table platform.users"}


def test_rows_of_a_part_that_are_missing_are_named(joint18: Joint) -> None:
    earlier = joint18.dumped()
    execute(joint18.source, "INSERT INTO platform.users VALUES (31, 'late')")
    later = joint18.dumped()

    report = joint18.proven(replace(later, result=earlier.result))

    assert report.outcome is Outcome.DIFFERENT
    assert different(report) == {"rows of table platform.users"}


def test_a_definition_of_a_part_that_differs_is_named(joint18: Joint) -> None:
    earlier = joint18.dumped()
    execute(joint18.source, "DROP POLICY known ON platform.users")
    later = joint18.dumped()

    report = joint18.proven(replace(later, result=earlier.result))

    assert different(report) == {"policy platform.users.known"}


def test_what_refers_to_a_schema_that_no_archive_holds_leaves_the_proof_open(
    joint18: Joint,
) -> None:
    execute(joint18.source, "CREATE VIEW jobs AS SELECT id FROM tools.job")
    dumped = joint18.dumped()

    report = joint18.proven(dumped)

    assert report.outcome is Outcome.UNPROVEN
    assert 'relation "tools.job" does not exist' in report.sentence


def test_an_extension_that_the_scratch_server_lacks_is_left_out_and_told(joint18: Joint) -> None:
    dumped = joint18.dumped()
    facts = dumped.result.counts.facts
    assert facts is not None
    more = facts.model_copy(update={"extensions": {**facts.extensions, "pg_unheard_of": "1.0"}})
    counts = dumped.result.counts.model_copy(update={"facts": more})

    report = joint18.proven(dumped, counts=counts)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert "extension pg_unheard_of" in {gap.what for gap in report.unproven}


def test_a_part_that_is_no_archive_is_damage(joint18: Joint) -> None:
    dumped = joint18.dumped()
    broken = replace(dumped, files={**dumped.files, FILLED.name: b"no archive"})

    with pytest.raises(IntegrityFailed):
        joint18.proven(broken)


def test_the_source_as_it_is_now_is_compared_without_what_no_archive_holds(joint18: Joint) -> None:
    dumped = joint18.dumped()

    report = joint18.proven(dumped, against=joint18.source)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert set(UNPROVEN) <= {gap.what for gap in report.unproven}


def test_a_plain_dump_cannot_be_proven_together_with_parts(joint18: Joint) -> None:
    report = joint18.proven(joint18.dumped(), format=Format.PLAIN)

    assert report.outcome is Outcome.UNPROVEN
    assert "a plain dump cannot be proven together with its parts" in report.sentence
