"""Promises of who does the long part of a run: a function, or a task that may outlive one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.backup import (
    Asked,
    Backup,
    BackupOptions,
    Status,
    Step,
    Trigger,
    VerificationLevel,
)
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import ScratchTooSmall
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.proof import Outcome
from chalicelib.domain.restore import RestoreOptions
from chalicelib.postgres_ports import Estimate, ProofRoom
from chalicelib.services.backups import NewBackup
from chalicelib.services.restores import NewRestore
from chalicelib.worker.__main__ import outcome
from chalicelib.worker.routing import Route, Size, route_of
from tests.support.stepping import call, run_until, verifying
from tests.support.world import ScriptedEngine, World, build_world

MUCH = "1000000000"
"""From which size on tasks are asked: more than anything here has."""


@pytest.mark.parametrize(
    ("size_bytes", "task_from_bytes", "route"),
    [
        (10, 0, Route.FUNCTION),
        (10, 11, Route.FUNCTION),
        (10, 10, Route.TASK),
        (11, 10, Route.TASK),
        (0, 1, Route.FUNCTION),
    ],
)
def test_large_databases_are_for_tasks_where_there_are_any(
    size_bytes: int, task_from_bytes: int, route: Route
) -> None:
    assert route_of(Size(size_bytes), task_from_bytes) is route


@pytest.mark.parametrize(
    ("scratch_bytes", "route"), [(499, Route.TASK), (500, Route.FUNCTION), (None, Route.FUNCTION)]
)
def test_a_proof_that_does_not_fit_a_function_goes_to_a_task(
    scratch_bytes: int | None, route: Route
) -> None:
    size = Size(100, proof_bytes=500, scratch_bytes=scratch_bytes)

    assert route_of(size, task_from_bytes=1000) is route


class CrampedEngine(ScriptedEngine):
    """An engine whose proofs take more scratch than there is."""

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        found = super().estimate(connection, options)
        return replace(found, proof_bytes=900, scratch_bytes=800)


@pytest.fixture
def cramped(tmp_path: Path) -> World:
    return build_world(tmp_path, CrampedEngine(outcome=Outcome.UNPROVEN))


def gated(world: World) -> Backup:
    options = BackupOptions(verification=Asked.PROOF)
    new = NewBackup(world.project().id, options, trigger=Trigger.PRE_MIGRATION)
    return world.services.backups.request("key:1", new)


def test_a_gate_whose_proof_fits_nowhere_is_refused_before_the_dump(cramped: World) -> None:
    backup = gated(cramped)

    with pytest.raises(ScratchTooSmall, match="900 bytes of scratch and 800 are free"):
        call(cramped, backup, "prepare", task_from_bytes="0")

    assert cramped.engine.dumps == 0


def test_a_gate_whose_proof_fits_a_task_goes_there(cramped: World) -> None:
    backup = gated(cramped)

    answer = call(cramped, backup, "prepare", task_from_bytes="1000000000")

    assert answer["route"] == "task"


def test_any_other_backup_whose_proof_fits_nowhere_is_recorded_as_unproven(cramped: World) -> None:
    backup = cramped.request(verification="proof")

    run_until(cramped, backup, Step.COMPLETE)

    done = cramped.backup(backup).verification
    assert done is not None
    assert (done.level, done.reasons) == (
        VerificationLevel.ARCHIVE,
        ("the whole proof: no server programs",),
    )


@pytest.mark.parametrize(("task_from_bytes", "route"), [("0", "function"), ("1", "task")])
def test_prepare_answers_the_route_and_the_id_only(
    world: World, task_from_bytes: str, route: str
) -> None:
    backup = world.request()

    answer = call(world, backup, "prepare", task_from_bytes=task_from_bytes)

    assert answer == {"id": backup.id, "route": route}


# -- jobs ------------------------------------------------------------------------------------------


def preflight(world: World) -> Job:
    new = NewRestore(world.completed().id, world.project("target").id, RestoreOptions())
    return world.services.restores.preflight("key:1", new)


def archived(world: World) -> Job:
    return verifying(world, world.completed(), Asked.ARCHIVE)


def proof(world: World) -> Job:
    return verifying(world, world.completed(), Asked.PROOF)


def connection_test(world: World) -> Job:
    return world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())


def contents(world: World) -> Job:
    backup = world.completed()
    arguments = JobArguments(backup_id=backup.id)
    return world.services.jobs.request("key:1", JobKind.TEXT, backup.project_id, arguments)


@pytest.mark.parametrize("asked", [preflight, archived, proof])
def test_a_job_that_reads_a_large_backup_is_left_to_a_task(
    world: World, asked: Callable[[World], Job]
) -> None:
    job = asked(world)

    answer = call(world, job, "run", task_from_bytes="1")

    assert answer == {"id": job.id, "route": "task"}
    assert world.services.jobs.get(job.id) == job


@pytest.mark.parametrize("asked", [preflight, archived, proof])
@pytest.mark.parametrize("task_from_bytes", ["0", MUCH])
def test_a_job_that_reads_a_small_backup_is_a_function_s(
    world: World, asked: Callable[[World], Job], task_from_bytes: str
) -> None:
    job = asked(world)

    answer = call(world, job, "run", task_from_bytes=task_from_bytes)

    assert answer == {"id": job.id, "route": "function"}
    assert world.services.jobs.get(job.id).status is Status.COMPLETED


@pytest.mark.parametrize("asked", [connection_test, contents])
def test_a_job_that_reads_no_backup_as_a_whole_is_always_a_function_s(
    world: World, asked: Callable[[World], Job]
) -> None:
    job = asked(world)

    answer = call(world, job, "run", task_from_bytes="1")

    assert answer["route"] == "function"
    assert world.services.jobs.get(job.id).status.is_terminal


@pytest.mark.parametrize(
    ("free_bytes", "route"), [(99, "task"), (100, "function"), (None, "function")]
)
def test_a_job_whose_proof_does_not_fit_the_scratch_goes_to_a_task(
    world: World, free_bytes: int | None, route: str
) -> None:
    world.engine.room = ProofRoom(needed_bytes=100, free_bytes=free_bytes)

    answer = call(world, proof(world), "run", task_from_bytes=MUCH)

    assert answer["route"] == route


def test_a_job_without_a_proof_asks_for_no_room(world: World) -> None:
    world.engine.room = ProofRoom(needed_bytes=100, free_bytes=0)

    answer = call(world, archived(world), "run", task_from_bytes=MUCH)

    assert answer["route"] == "function"


def test_a_job_over_a_manifest_that_is_gone_is_judged_by_the_run(world: World) -> None:
    backup = world.completed()
    job = verifying(world, backup, Asked.PROOF)
    world.adapters.store.delete(artefact_key(backup, "manifest.json"))

    call(world, job, "run", task_from_bytes=MUCH)

    ended = world.services.jobs.get(job.id)
    assert ended.error is not None
    assert (ended.error.code, world.backup(backup).validated) == ("integrity_failed", False)


def test_a_job_over_a_backup_that_is_gone_says_so(world: World) -> None:
    job = archived(world)
    backup = world.services.backups.get(job.arguments.backup_id or "")
    world.services.backups.delete("key:1", backup.id)

    call(world, job, "run", task_from_bytes="1")

    ended = world.services.jobs.get(job.id)
    assert ended.error is not None
    assert ended.error.code == "not_found"


def test_a_job_that_has_ended_is_no_task_s(world: World) -> None:
    job = archived(world)
    call(world, job, "run")

    answer = call(world, job, "run", task_from_bytes="1")

    assert answer["route"] == "function"


def test_what_a_task_begins_ends_as_a_function_s_would(world: World) -> None:
    job = proof(world)
    call(world, job, "run", task_from_bytes="1")

    code = outcome(world.services.job_runner("X"), job.id)

    done = world.services.jobs.get(job.id)
    assert (code, done.status) == (0, Status.COMPLETED)
    assert done.result is not None
    assert done.result["level"] == VerificationLevel.PROOF
