"""Promises of single steps, as a state machine calls them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.backup import Asked, Status, Step, VerificationLevel
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    LeaseLost,
    NotFound,
    SourceLost,
    WorkerLost,
)
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.restore import RestoreOptions, RestoreStep
from chalicelib.postgres_ports import Watch
from chalicelib.services.restores import NewRestore
from chalicelib.worker.steps import MARGIN_S, run_step
from tests.support.stepping import LIFE_S, call, run_until, verifying
from tests.support.world import World

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def lose_source(world: World, times: int) -> None:
    left = [times]

    def during(watch: Watch) -> None:
        watch.check()
        left[0] -= 1
        if left[0] >= 0:
            raise SourceLost("the server went away")

    world.engine.during = during


def test_the_steps_in_their_order_complete_a_backup(world: World) -> None:
    backup = world.request()

    run_until(world, backup, Step.COMPLETE)

    done = world.backup(backup)
    assert (done.status, done.validated, done.attempt) == (Status.COMPLETED, True, 1)


@pytest.mark.parametrize("step", Step)
def test_a_step_that_is_called_again_changes_nothing(world: World, step: Step) -> None:
    backup = world.request()
    run_until(world, backup, step)
    before = world.backup(backup)

    call(world, backup, step)

    assert world.backup(backup) == before


def test_a_step_that_is_not_due_yet_is_refused(world: World) -> None:
    backup = world.request()

    with pytest.raises(Conflict, match="at prepare, not at dump"):
        call(world, backup, "dump")


def test_a_step_of_a_cancelled_backup_is_refused(world: World) -> None:
    backup = world.request()
    world.services.backups.cancel("key:1", backup.id)

    with pytest.raises(Conflict, match="already cancelled"):
        call(world, backup, "prepare")


def test_a_dump_that_may_do_better_is_raised_and_tried_anew_when_called_again(
    world: World,
) -> None:
    backup = world.request()
    lose_source(world, times=1)
    call(world, backup, "prepare")

    with pytest.raises(SourceLost):
        call(world, backup, "dump")
    leftovers = world.leftovers()
    call(world, backup, "dump")

    assert leftovers == []
    assert world.backup(backup).attempt == 2


def test_the_third_attempt_at_a_dump_is_refused(world: World) -> None:
    backup = world.request()
    lose_source(world, times=2)
    call(world, backup, "prepare")
    for _ in range(2):
        with pytest.raises(SourceLost):
            call(world, backup, "dump")

    with pytest.raises(WorkerLost):
        call(world, backup, "dump")


def test_a_step_ends_before_its_function_does(world: World) -> None:
    backup = world.request()
    call(world, backup, "prepare")

    def during(watch: Watch) -> None:
        world.clock.turn(timedelta(seconds=LIFE_S - MARGIN_S + 1))
        watch.check()

    world.engine.during = during

    with pytest.raises(DeadlineExceeded):
        call(world, backup, "dump")


def test_another_execution_cannot_go_on_while_the_lease_lives(world: World) -> None:
    backup = world.request()
    call(world, backup, "prepare", owner="X")

    with pytest.raises(LeaseLost):
        call(world, backup, "dump", owner="X-2")


def test_fail_records_what_the_machine_caught(world: World) -> None:
    backup = world.request()
    call(world, backup, "prepare")

    call(world, backup, "fail", error={"Error": "Sandbox.Timedout", "Cause": "{}"})

    failed = world.backup(backup)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "deadline_exceeded")
    assert world.leftovers() == []


def test_fail_leaves_an_ended_backup_as_it_is(world: World) -> None:
    backup = world.completed()

    call(world, backup, "fail", error={"Error": "States.Timeout"})

    assert world.backup(backup).status is Status.COMPLETED


def test_notify_hands_over_what_waits(world: World) -> None:
    backup = world.request()
    run_until(world, backup, Step.COMPLETE)

    call(world, backup, "notify")

    assert "backup.completed" in world.notices


def test_the_steps_of_a_restore_complete_it(world: World) -> None:
    restore = world.request_restore(world.completed())

    for step in RestoreStep:
        call(world, restore, step)
    call(world, restore, "restore")

    assert world.restore(restore).status is Status.COMPLETED
    assert world.restore(restore).attempt == 1


def test_a_restore_that_failed_says_so_and_is_not_begun_again(world: World) -> None:
    restore = world.request_restore(world.completed())
    call(world, restore, "prepare")

    call(world, restore, "fail", error={"Error": "States.TaskFailed"})

    assert world.restore(restore).status is Status.FAILED
    with pytest.raises(Conflict):
        call(world, restore, "restore")


def test_a_job_is_run_in_one_step(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())

    answer = call(world, job, "run")

    assert answer == {"id": job.id, "route": "function"}
    assert world.services.jobs.get(job.id).status is Status.COMPLETED


def test_a_job_whose_function_vanished_is_failed(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())

    call(world, job, "fail", error={"Error": "Runtime.ExitError"})

    failed = world.services.jobs.get(job.id)
    assert failed.error is not None
    assert failed.error.code == "worker_lost"


def overtime(world: World, seconds: float) -> None:
    """Have proofs take so long."""

    def proving(watch: Watch) -> None:
        world.clock.turn(timedelta(seconds=seconds))
        watch.check()

    world.engine.proving = proving


def test_a_proof_that_outlives_its_function_is_recorded_as_unproven(world: World) -> None:
    job = verifying(world, world.completed(), Asked.PROOF)
    overtime(world, LIFE_S - MARGIN_S - 1)

    call(world, job, "run")

    done = world.services.jobs.get(job.id)
    assert done.result is not None
    assert (done.result["level"], done.result["reasons"]) == (
        VerificationLevel.ARCHIVE,
        ["the whole proof: the worker's time was over before it"],
    )


def test_a_job_that_outlives_its_function_ends_with_the_reason_and_a_way_out(world: World) -> None:
    job = verifying(world, world.completed(), Asked.ARCHIVE)
    world.engine.checking = lambda: world.clock.turn(timedelta(seconds=LIFE_S))

    call(world, job, "run")

    ended = world.services.jobs.get(job.id)
    assert ended.error is not None
    assert ended.error.code == "deadline_exceeded"
    assert "Subnets" in ended.error.hint


def test_the_password_of_a_preflight_whose_worker_vanished_is_forgotten(world: World) -> None:
    target = Connection(Endpoint(host="localhost", database="copy"), "canary-4f2a")
    new = NewRestore(world.completed().id, target, RestoreOptions())
    job = world.services.restores.preflight("key:1", new)

    call(world, job, "fail", error={"Error": "Sandbox.Timedout"})

    with pytest.raises(NotFound):
        world.adapters.secrets.get(f"jobs/{job.id}/password")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"work": "mischief"}, "work"),
        ({"id": "../../etc"}, "id"),
        ({"id": None}, "id"),
        ({"step": 7}, "step"),
        ({"step": "explode"}, "step"),
        ({"owner": ""}, "owner"),
        ({"password": "canary-4f2a"}, "password"),
        ({"task_from_bytes": "-1"}, "task_from_bytes"),
        ({"work": "restore", "step": "dump"}, "step"),
        ({"work": "job", "step": "dump"}, "step"),
    ],
)
def test_an_event_that_cannot_be_is_refused_by_its_field(
    world: World, changed: dict[str, object], field: str
) -> None:
    event = {"work": "backup", "id": UNKNOWN, "step": "prepare", "owner": "X"} | changed

    with pytest.raises(InvalidRequest) as refused:
        run_step(world.services, event, LIFE_S)

    assert refused.value.fields == {"field": field}
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("work", "step"),
    [(work, "fail") for work in ("backup", "restore", "job")]
    + [("backup", "prepare"), ("restore", "prepare"), ("job", "run")],
)
def test_an_unknown_id_is_not_found(world: World, work: str, step: str) -> None:
    event = {"work": work, "id": UNKNOWN, "step": step, "owner": "X"}

    with pytest.raises(NotFound):
        run_step(world.services, event, LIFE_S)
