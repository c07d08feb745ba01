"""Promises of single steps, as a state machine calls them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from chalicelib.domain.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    LeaseLost,
    NotFound,
    ScratchTooSmall,
    SourceLost,
    WorkerLost,
)
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.proof import Outcome
from chalicelib.domain.restore import Restore, RestoreStep
from chalicelib.postgres_ports import Estimate, Watch
from chalicelib.services.backups import NewBackup
from chalicelib.worker.steps import MARGIN_S, Route, Size, route_of, run_step
from tests.support.world import ScriptedEngine, World, build_world

LIFE_S = 900.0
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def call(
    world: World, record: Backup | Restore | Job, step: str, owner: str = "X", **more: object
) -> dict[str, str]:
    event = {"work": record.kind, "id": record.id, "step": step, "owner": owner, **more}
    return run_step(world.services, event, LIFE_S)


def run_until(world: World, backup: Backup, last: Step) -> None:
    for step in Step:
        call(world, backup, step)
        if step is last:
            return


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

    assert answer == {"id": job.id}
    assert world.services.jobs.get(job.id).status is Status.COMPLETED


def test_a_job_whose_function_vanished_is_failed(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())

    call(world, job, "fail", error={"Error": "Runtime.ExitError"})

    failed = world.services.jobs.get(job.id)
    assert failed.error is not None
    assert failed.error.code == "worker_lost"


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
