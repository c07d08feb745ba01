"""Promises of jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.backup import Backup, BackupOptions, Status
from chalicelib.domain.errors import Internal, NotFound, SourceUnreachable
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.services.jobs import Jobs
from tests.support.world import World


def run_job(world: World, kind: JobKind, **arguments: object) -> Job:
    project_id = world.project().id
    if "backup_id" in arguments:
        project_id = world.services.backups.get(str(arguments["backup_id"])).project_id
    job = world.services.jobs.request(
        "key:1", kind, project_id, JobArguments.model_validate(arguments)
    )
    return world.services.job_runner("worker-1").run(job.id)


def completed(world: World) -> Backup:
    return world.run(world.request())


def test_a_job_is_pending_and_queued(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())

    assert (job.status, world.workflow.is_running(Work.JOB, job.id)) == (Status.PENDING, True)


def test_a_job_for_an_unknown_project_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.services.jobs.request("key:1", JobKind.TEST, "01NONE", JobArguments())


def test_a_test_job_reports_on_the_source(world: World) -> None:
    job = run_job(world, JobKind.TEST)

    assert job.result is not None
    assert (job.status, job.result["server_version"]) == (Status.COMPLETED, "18.6")


def test_an_estimate_job_reports_sizes(world: World) -> None:
    job = run_job(world, JobKind.ESTIMATE, options=BackupOptions())

    assert job.result == {
        "tables": 2,
        "table_bytes": 100,
        "large_objects": 0,
        "database_bytes": 8_000_000,
        "locks": [],
        "transactions": [],
        "expected": {"seconds": 5.000005, "basis": "size at 20 MB/s, never run before"},
        "proof_bytes": 0,
        "scratch_bytes": None,
    }


def test_an_estimate_job_expects_what_earlier_runs_took(world: World) -> None:
    world.engine.during = lambda _: world.clock.turn(timedelta(seconds=30))
    done = completed(world)
    arguments = JobArguments(options=BackupOptions())
    job = world.services.jobs.request("key:1", JobKind.ESTIMATE, done.project_id, arguments)

    result = world.services.job_runner("worker-1").run(job.id).result

    assert result is not None
    assert result["expected"] == {"seconds": 30.0, "basis": "the one run like it"}


def test_discovery_makes_a_project_for_every_other_database(world: World) -> None:
    job = run_job(world, JobKind.DISCOVER)

    projects = world.adapters.catalog.find(Query(Project)).items
    assert job.result is not None
    assert sorted(project.endpoint.database for project in projects) == ["app", "billing"]
    made = job.result["project_ids"][0]
    assert world.services.projects.connection(made).password == "canary-4f2a"


def test_discovery_again_makes_nothing(world: World) -> None:
    run_job(world, JobKind.DISCOVER)

    job = run_job(world, JobKind.DISCOVER)

    assert job.result == {"project_ids": []}


def test_a_later_verification_renews_the_record(world: World) -> None:
    done = completed(world)
    world.clock.turn(timedelta(days=1))

    job = run_job(world, JobKind.VERIFY, backup_id=done.id)

    after = world.backup(done)
    assert after.verification is not None
    assert (job.status, after.verification.at) == (Status.COMPLETED, world.clock.now())


def test_a_later_verification_that_fails_takes_the_shield_away(world: World) -> None:
    done = completed(world)
    world.engine.content = b"something else"

    job = run_job(world, JobKind.VERIFY, backup_id=done.id)

    after = world.backup(done)
    assert job.error is not None
    assert job.error.code == "integrity_failed"
    assert (after.status, after.validated) == (Status.COMPLETED, False)


@pytest.mark.parametrize(
    ("content", "code", "validated"),
    [(b"damaged", "integrity_failed", False), (None, "internal", True)],
)
def test_a_client_that_breaks_down_over_damage_is_told_from_one_that_just_does(
    world: World, content: bytes | None, code: str, *, validated: bool
) -> None:
    done = completed(world)
    if content is not None:
        damage(world, artefact_key(done, "database.dump"), content)
    world.engine.checking = breaking_down

    job = run_job(world, JobKind.VERIFY, backup_id=done.id)

    assert job.error is not None
    assert (job.error.code, world.backup(done).validated) == (code, validated)


def breaking_down() -> None:
    raise Internal("pg_restore was ended by signal 11")


def damage(world: World, key: str, content: bytes | None) -> None:
    store = world.adapters.store
    store.delete(key)
    if content is not None:
        store.put(key, content, content_type="application/octet-stream")


@pytest.mark.parametrize("name", ["database.dump", "manifest.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"], ids=["gone", "empty", "other"])
def test_what_became_of_a_backup_at_rest_is_found(
    world: World, name: str, content: bytes | None
) -> None:
    done = completed(world)
    damage(world, artefact_key(done, name), content)

    job = run_job(world, JobKind.VERIFY, backup_id=done.id)

    assert job.error is not None
    assert (job.error.code, world.backup(done).validated) == ("integrity_failed", False)


def test_the_manifest_of_another_backup_is_no_seal(world: World) -> None:
    done, other = completed(world), completed(world)
    theirs = b"".join(world.adapters.store.read(artefact_key(other, "manifest.json")))
    damage(world, artefact_key(done, "manifest.json"), theirs)

    job = run_job(world, JobKind.VERIFY, backup_id=done.id)

    assert job.error is not None
    assert (job.error.code, world.backup(done).validated) == ("integrity_failed", False)


def test_a_backup_that_is_not_completed_cannot_be_verified(world: World) -> None:
    job = run_job(world, JobKind.VERIFY, backup_id=world.request().id)

    assert job.error is not None
    assert job.error.code == "invalid_request"


def test_a_failing_job_keeps_its_error(world: World) -> None:
    project = world.project()
    world.adapters.secrets.delete(project.secret_name)
    job = world.services.jobs.request("key:1", JobKind.TEST, project.id, JobArguments())

    done = world.services.job_runner("worker-1").run(job.id)

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "not_found")


def test_a_finished_job_is_not_run_again(world: World) -> None:
    job = run_job(world, JobKind.TEST)
    calls = len(world.engine.connections)

    again = world.services.job_runner("worker-2").run(job.id)

    assert (again, len(world.engine.connections)) == (job, calls)


def test_an_unexpected_end_is_kept_as_the_jobs_error(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())

    done = world.services.job_runner("worker-1").fail(job.id, SourceUnreachable("gone"))

    assert done.error == SourceUnreachable("gone").info


def waiting_jobs(world: World, pauses: list[float]) -> Jobs:
    def pause(seconds: float) -> None:
        pauses.append(seconds)
        world.clock.turn(timedelta(seconds=seconds))

    return Jobs(world.services.ledger, world.adapters.workflow, pause)


def test_waiting_ends_with_the_job(world: World) -> None:
    job = run_job(world, JobKind.TEST)
    pauses: list[float] = []

    assert waiting_jobs(world, pauses).wait(job.id, 20).status is Status.COMPLETED
    assert pauses == []


def test_waiting_ends_with_its_time(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())
    pauses: list[float] = []

    after = waiting_jobs(world, pauses).wait(job.id, 3600)

    assert after.status is Status.PENDING
    assert sum(pauses) == pytest.approx(20, abs=0.2)
