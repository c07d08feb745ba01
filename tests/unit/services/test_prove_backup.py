"""What a proof does to the backup it was made of."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from chalicelib.domain.backup import Asked, Backup, Status, VerificationLevel
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.facts import CopyDigest
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.proof import Assertion, Outcome, ProofLevel
from chalicelib.postgres_ports import Watch
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.prove_backup import KEEPING_S
from chalicelib.services.run_backup import Deadlines
from tests.support.world import World

ASSERTION = Assertion(name="some orders", sql="SELECT count(*) > 0 FROM orders")


READ = CopyDigest(sha256="a" * 64, size_bytes=400, rows=42)
ORDERS = BlockDigest(
    dump_id=7,
    schema_name="public",
    name="orders",
    offset=100,
    stored_bytes=90,
    raw_bytes=READ.size_bytes,
    rows=READ.rows,
    sha256=READ.sha256,
)


def stored(world: World, backup: Backup, name: str) -> bytes:
    key = next(artefact.key for artefact in backup.artefacts if artefact.name == name)
    return b"".join(world.adapters.store.read(key))


def verified(world: World, backup: Backup, level: Asked) -> Job:
    arguments = JobArguments(backup_id=backup.id, level=level)
    job = world.services.jobs.request("key:1", JobKind.VERIFY, backup.project_id, arguments)
    return world.services.job_runner("worker-1").run(job.id)


def test_no_proof_is_made_unasked(world: World) -> None:
    done = world.run(world.request())

    assert world.engine.proofs == []
    assert done.verification is not None
    assert done.verification.proof is None


@pytest.mark.parametrize(
    ("asked", "level"),
    [
        (Asked.PROOF, ProofLevel.DIGESTS),
        (Asked.DIGESTS, ProofLevel.DIGESTS),
        (Asked.COUNTS, ProofLevel.COUNTS),
    ],
)
def test_an_equal_copy_makes_the_backup_proven(
    world: World, asked: Asked, level: ProofLevel
) -> None:
    done = world.run(world.request(verification=asked))

    assert done.status is Status.COMPLETED
    assert done.verification is not None
    assert (done.verification.level, done.verification.proof) == (VerificationLevel.PROOF, level)
    assert world.engine.proofs[0].counts.rows == 42


def test_the_report_is_an_artefact_that_the_manifest_names(world: World) -> None:
    done = world.run(world.request(verification="proof"))

    report = json.loads(stored(world, done, "proof-3.json"))
    envelope = next(k for k in world.leftovers() if k.endswith("manifest.json"))
    manifest = b"".join(world.adapters.store.read(envelope))
    assert report["outcome"] == "equal"
    assert stored(world, done, "proof-3.txt").startswith(b"proof: equal\n")
    assert b"proof-3.json" in manifest


def test_a_copy_that_differs_fails_the_backup_and_names_the_table(world: World) -> None:
    world.engine.outcome = Outcome.DIFFERENT

    done = world.run(world.request(verification="proof"))

    assert done.status is Status.FAILED
    assert done.error is not None
    assert done.error.code == "integrity_failed"
    assert "rows of table public.orders is 41, expected 42" in done.error.message
    assert world.leftovers() == []


def test_a_proof_that_cannot_be_made_leaves_the_archive_s_verification(world: World) -> None:
    world.engine.outcome = Outcome.UNPROVEN

    done = world.run(world.request(verification="proof"))

    assert done.status is Status.COMPLETED
    assert done.verification is not None
    assert done.verification.level is VerificationLevel.ARCHIVE
    assert done.verification.reasons == ("the whole proof: no server programs",)


def test_a_backup_without_digests_says_why_with_a_proof_and_without(world: World) -> None:
    world.engine.undigested = "a codec of its own"

    told = [
        world.run(world.request(verification=asked)).verification for asked in ("archive", "proof")
    ]

    assert [one.reasons for one in told if one] == [("not digested: a codec of its own",)] * 2


def test_a_backup_that_is_what_the_source_gave_twice_is_strictly_proven(world: World) -> None:
    world.engine.blocks, world.engine.copies = (ORDERS,), {"public.orders": READ}

    done = world.run(world.request(verification="strict"))

    assert done.status is Status.COMPLETED, done.error
    assert done.verification is not None
    assert done.verification.proof is ProofLevel.STRICT
    assert world.engine.proofs[0].level is ProofLevel.STRICT


def test_other_rows_than_the_source_gave_again_fail_the_backup_by_name(world: World) -> None:
    other = READ.model_copy(update={"sha256": "0" * 64})
    world.engine.blocks, world.engine.copies = (ORDERS,), {"public.orders": other}

    done = world.run(world.request(verification="strict"))

    assert done.error is not None
    assert done.error.code == "integrity_failed"
    assert "public.orders" in done.error.message
    assert world.leftovers() == []


@pytest.mark.parametrize(("made", "code"), [("strict", None), ("digests", "unsupported")])
def test_strict_is_verified_again_where_the_source_was_read_twice(
    world: World, made: str, code: str | None
) -> None:
    world.engine.blocks, world.engine.copies = (ORDERS,), {"public.orders": READ}
    backup = world.run(world.request(verification=made))

    job = verified(world, backup, Asked.STRICT)

    assert (job.error.code if job.error else None) == code


def test_the_project_says_how_its_backups_are_verified(world: World) -> None:
    backup = world.request()
    changes = ProjectChanges(verification=Asked.COUNTS, assertions=(ASSERTION,))
    world.services.projects.update("key:1", backup.project_id, changes)
    again = world.again(backup)

    world.run(again)

    assert world.engine.proofs[0].level is ProofLevel.COUNTS
    assert world.engine.proofs[0].assertions == (ASSERTION,)


def test_a_later_proof_becomes_part_of_the_record(world: World) -> None:
    backup = world.run(world.request())
    world.clock.turn(timedelta(days=1))

    job = verified(world, backup, Asked.PROOF)

    proven = world.backup(backup)
    assert job.status is Status.COMPLETED, job.error
    assert proven.verification is not None
    assert proven.verification.level is VerificationLevel.PROOF
    assert json.loads(stored(world, proven, f"proof-{job.id}.json"))["outcome"] == "equal"


def test_a_later_proof_that_differs_takes_the_validation_back(world: World) -> None:
    backup = world.run(world.request())
    world.engine.outcome = Outcome.DIFFERENT

    job = verified(world, backup, Asked.PROOF)

    assert job.error is not None
    assert job.error.code == "integrity_failed"
    assert world.backup(backup).status is Status.COMPLETED
    assert not world.backup(backup).validated


def test_a_proven_backup_can_be_verified_again(world: World) -> None:
    backup = world.run(world.request(verification="proof"))

    job = verified(world, backup, Asked.ARCHIVE)

    assert job.status is Status.COMPLETED, job.error


def test_a_manifest_that_was_edited_is_not_proven(world: World) -> None:
    backup = world.run(world.request())
    key = next(k for k in world.leftovers() if k.endswith("manifest.json"))
    data = b"".join(world.adapters.store.read(key))
    world.adapters.store.delete(key)
    world.adapters.store.put(key, data.replace(b"42", b"41"), content_type="application/json")

    job = verified(world, backup, Asked.PROOF)

    assert job.error is not None
    assert job.error.code == "integrity_failed"
    assert world.engine.proofs == []


def test_a_job_without_a_backup_is_refused(world: World) -> None:
    project = world.project()
    job = world.services.jobs.request("key:1", JobKind.VERIFY, project.id, JobArguments())

    ended = world.services.job_runner("worker-1").run(job.id)

    assert ended.error is not None
    assert ended.error.code == InvalidRequest.code


def overtime(world: World, seconds: float) -> None:
    """Have proofs take so long."""

    def proving(watch: Watch) -> None:
        world.clock.turn(timedelta(seconds=seconds))
        watch.check()

    world.engine.proving = proving


def test_a_proof_that_outlives_its_step_leaves_what_was_verified(world: World) -> None:
    overtime(world, Deadlines().dump_s - KEEPING_S)

    done = world.run(world.request(verification="proof"))

    assert done.verification is not None
    assert (done.status, done.validated) == (Status.COMPLETED, True)
    assert (done.verification.level, done.verification.reasons) == (
        VerificationLevel.ARCHIVE,
        ("the whole proof: the worker's time was over before it",),
    )


def test_a_step_whose_time_is_over_fails_also_in_a_proof(world: World) -> None:
    overtime(world, Deadlines().dump_s)

    done = world.run(world.request(verification="proof"))

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "deadline_exceeded")


def test_a_cancelled_backup_is_cancelled_in_its_proof_too(world: World) -> None:
    backup = world.request(verification="proof")

    def proving(watch: Watch) -> None:
        world.services.backups.cancel("key:1", backup.id)
        world.clock.turn(timedelta(seconds=1))
        watch.check()

    world.engine.proving = proving

    assert world.run(backup).status is Status.CANCELLED
