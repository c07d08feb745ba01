"""Promises of a step that is called again while its first call still runs.

A machine gives a call up by its own clock, and not all of its errors say that nothing runs any
more. What is called again has the same owner, the execution: generations alone tell them apart. So
the first call is held before each of its writes in turn, with all that it read, the machine goes on
to the end meanwhile, and then the sleeper wakes up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Asked, Backup, Status, Step
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.restore import Restore, RestoreStep
from chalicelib.services.attempt_objects import LATE_WRITES
from chalicelib.worker.__main__ import outcome
from tests.support.crashes import Sleep, fused, is_whole
from tests.support.stepping import OWNER, call, called, run_until, verifying
from tests.support.world import World, build_world

TIMED_OUT = {"Error": "States.Timeout", "Cause": "{}"}


def worlds(folder: Path) -> Iterator[tuple[int, World]]:
    """Give a fresh world for every write that a step makes."""
    for number in count(1):
        yield number, build_world(folder / f"{number}")


def slept(world: World, record: Backup | Restore, step: str, sleep: Sleep) -> bool:
    """Call a step that sleeps before a write; False when it makes fewer."""
    services = Services(world.services.settings, fused(world.adapters, sleep))
    try:
        called(services, record, step)
    except HoldfastError:
        assert sleep.has_slept  # before it slept it had nothing to complain of
    return sleep.has_slept


def swept(world: World) -> None:
    """Let the sweeper come by when nobody can store anything any more."""
    world.end_executions()
    world.clock.turn(LATE_WRITES + timedelta(minutes=1))
    world.services.sweeper.sweep()


def restored(world: World, restore: Restore) -> None:
    for step in RestoreStep:
        call(world, restore, step)


def before(world: World, backup: Backup, step: Step) -> None:
    if step is not Step.PREPARE:
        run_until(world, backup, list(Step)[list(Step).index(step) - 1])


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("is_over", [False, True], ids=["the-step-is-over", "all-is-over"])
def test_a_step_that_wakes_behind_its_second_call_changes_nothing(
    tmp_path: Path, step: Step, *, is_over: bool
) -> None:
    for number, world in worlds(tmp_path):
        backup = world.request()
        before(world, backup, step)
        go_on = partial(run_until, world, backup, Step.COMPLETE if is_over else step)

        if not slept(world, backup, step, Sleep(number, go_on)):
            break
        run_until(world, backup, Step.COMPLETE)
        swept(world)

        done = world.backup(backup)
        assert done.status is Status.COMPLETED, f"asleep at write {number}"
        assert is_whole(world, done), f"asleep at write {number}"
    assert number > 2


def test_a_task_that_wakes_behind_a_second_one_changes_nothing(tmp_path: Path) -> None:
    for number, world in worlds(tmp_path):
        backup = world.request()
        call(world, backup, Step.PREPARE)
        sleep = Sleep(number, partial(world.run, backup, OWNER))
        services = Services(world.services.settings, fused(world.adapters, sleep))

        outcome(services.backup_runner(OWNER), backup.id)
        swept(world)

        done = world.backup(backup)
        assert done.status is Status.COMPLETED, f"asleep at write {number}"
        assert is_whole(world, done), f"asleep at write {number}"
        if not sleep.has_slept:
            break
    assert number > 10


@pytest.mark.parametrize("step", [Step.DUMP, Step.VERIFY, Step.SEAL])
def test_a_step_that_wakes_behind_its_failure_leaves_nothing(tmp_path: Path, step: Step) -> None:
    for number, world in worlds(tmp_path):
        backup = world.request()
        before(world, backup, step)
        give_up = partial(call, world, backup, "fail", error=TIMED_OUT)

        if not slept(world, backup, step, Sleep(number, give_up)):
            break
        swept(world)

        done = world.backup(backup)
        assert (done.status, world.leftovers()) == (Status.FAILED, []), f"asleep at write {number}"
    assert number > 3


def test_a_restore_that_wakes_behind_its_failure_stays_failed(tmp_path: Path) -> None:
    for number, world in worlds(tmp_path):
        restore = world.request_restore(world.completed())
        call(world, restore, RestoreStep.PREPARE)
        give_up = partial(call, world, restore, "fail", error=TIMED_OUT)

        if not slept(world, restore, RestoreStep.RESTORE, Sleep(number, give_up)):
            break

        assert world.restore(restore).status is Status.FAILED, f"asleep at write {number}"
    assert number > 3


def test_a_restore_whose_prepare_wakes_behind_its_end_is_made_once(tmp_path: Path) -> None:
    for number, world in worlds(tmp_path):
        restore = world.request_restore(world.completed())
        go_on = partial(restored, world, restore)

        if not slept(world, restore, RestoreStep.PREPARE, Sleep(number, go_on)):
            break

        assert world.restore(restore).status is Status.COMPLETED, f"asleep at write {number}"
        assert len(world.restorer.read) == 1
    assert number > 2


def test_a_verification_that_wakes_behind_its_failure_tells_nothing_stale(world: World) -> None:
    backup = world.completed()
    job = verifying(world, backup, Asked.ARCHIVE)

    world.engine.checking = partial(call, world, job, "fail", error=TIMED_OUT)
    known = world.backup(backup)

    call(world, job, "run")

    assert world.backup(backup) == known
    assert world.services.jobs.get(job.id).status is Status.FAILED
