"""Promises of asking for restores: what is stored, what is refused, what a preflight leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.backup import Backup, Component, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound, Unsupported
from chalicelib.domain.job import Job
from chalicelib.domain.record import Replace
from chalicelib.domain.restore import Problem, RestoreOptions
from chalicelib.services.preflight_restore import left_out
from chalicelib.services.restores import NewRestore
from tests.support.world import World

TARGET = Connection(Endpoint(host="db.example.org", database="copy"), "canary-77aa")


def preflight(world: World) -> Job:
    backup = world.completed()
    return world.services.restores.preflight(
        "key:1", NewRestore(backup.id, TARGET, RestoreOptions())
    )


def secret_of(world: World, job: Job) -> str:
    assert job.arguments.restore is not None
    return world.adapters.secrets.get(job.arguments.restore.secret_name(job.id))


def test_a_preflight_is_the_result_of_its_job_and_touches_nothing(world: World) -> None:
    found = Problem(code="conflict", message="not empty", hint="Empty it.")
    world.restorer.found = world.restorer.found.model_copy(update={"problems": (found,)})

    job = world.services.job_runner("worker-1").run(preflight(world).id)

    assert job.status is Status.COMPLETED
    assert job.result is not None
    assert job.result["problems"][0]["message"] == "not empty"
    assert world.restorer.read == []


def test_components_that_a_plain_database_does_not_get_are_named() -> None:
    told = left_out((Component.DATABASE, Component.ROLES, Component.AUTH))

    assert [one.partition(" is not restored into a plain database")[0] for one in told] == [
        "component roles",
        "component auth",
    ]


def test_a_preflight_warns_of_what_stays_behind(world: World) -> None:
    backup = world.completed()
    options = backup.options.model_copy(
        update={"components": (Component.DATABASE, Component.ROLES)}
    )
    world.services.ledger.apply(
        Backup, backup.id, lambda b: (Replace(b.model_copy(update={"options": options})),)
    )
    new = NewRestore(backup.id, TARGET, RestoreOptions())

    asked = world.services.restores.preflight("key:1", new)
    job = world.services.job_runner("worker-1").run(asked.id)

    assert job.result is not None
    assert any("component roles is not restored" in one for one in job.result["warnings"])


def test_a_preflight_forgets_the_password_it_brought(world: World) -> None:
    job = preflight(world)
    before = secret_of(world, job)

    world.services.job_runner("worker-1").run(job.id)

    assert before == "canary-77aa"
    with pytest.raises(NotFound):
        secret_of(world, job)


def test_a_lost_preflight_leaves_no_password(world: World) -> None:
    job = preflight(world)
    begun = job.model_copy(update={"status": Status.IN_PROGRESS})
    world.services.ledger.apply(Job, job.id, lambda _: (Replace(begun),))
    world.end_executions()

    world.services.sweeper.sweep()

    assert world.services.jobs.get(job.id).status is Status.FAILED
    with pytest.raises(NotFound):
        secret_of(world, job)


def test_a_pending_restore_that_nobody_started_is_started_by_the_sweeper(world: World) -> None:
    restore = world.request_restore(world.completed())
    world.end_executions()
    world.clock.turn(timedelta(minutes=5))

    assert world.services.sweeper.sweep().restarted == 1
    assert world.run_restore(restore).status is Status.COMPLETED


def test_a_cancelled_restore_forgets_its_password_at_once(world: World) -> None:
    restore = world.request_restore(world.completed(), TARGET)

    cancelled = world.services.restores.cancel("key:1", restore.id)

    assert (cancelled.status, cancelled.chore) == (Status.CANCELLED, None)
    with pytest.raises(NotFound):
        world.adapters.secrets.get(restore.secret_name)


def test_only_what_completed_can_be_asked_for(world: World) -> None:
    with pytest.raises(Conflict, match="nothing to restore"):
        world.request_restore(world.request())


def test_a_plain_backup_is_restored_whole_or_not_at_all(world: World) -> None:
    with pytest.raises(Unsupported):
        world.request_restore(
            world.completed(format="plain"), selection={"tables": ("public.orders",)}
        )


def test_clean_is_confirmed_by_the_name_of_the_target(world: World) -> None:
    backup = world.completed()

    with pytest.raises(InvalidRequest, match="was not confirmed"):
        world.request_restore(backup, TARGET, clean=True)

    asked = world.request_restore(backup, TARGET, clean=True, confirmation="db.example.org/copy")
    assert asked.options.clean
