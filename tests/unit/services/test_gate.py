"""Promises of the gate: one backup per key, held, and given up when its time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.backup import Backup, Status, Trigger
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound, SourceLost
from chalicelib.domain.gate import FRESH_FOR, HOLD_DAYS, GateOptions, GateRequest, Verdict
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.record import Query
from chalicelib.ports import Catalog
from chalicelib.postgres_ports import Watch
from chalicelib.services.backups import BackupChanges, NewBackup
from chalicelib.services.gate import Look
from tests.support.world import World


def request(world: World, **options: Any) -> GateRequest:
    chosen = GateOptions.model_validate(options)
    return GateRequest(project=world.project().id, migration="0042", options=chosen)


def ask(world: World, wanted: GateRequest | None = None, key: str = "execution-1") -> Look:
    return world.services.gates.ask("machine", wanted or request(world), key)


def look(world: World, asked: Look) -> Look:
    return world.services.gates.look("machine", asked.ticket)


def backups(catalog: Catalog) -> tuple[Backup, ...]:
    return catalog.find(Query(Backup)).items


def verify(world: World, backup: Backup) -> None:
    arguments = JobArguments(backup_id=backup.id)
    job = world.services.jobs.request("key:1", JobKind.VERIFY, backup.project_id, arguments)
    world.services.job_runner("worker-1").run(job.id)


def breaks(watch: Watch) -> None:
    watch.check()
    raise SourceLost("the connection broke")


def test_asking_makes_a_held_backup_for_the_migration(world: World) -> None:
    made = ask(world).backup

    assert (made.trigger, made.migration_id) == (Trigger.PRE_MIGRATION, "0042")
    assert made.hold_until == world.clock.now() + timedelta(days=HOLD_DAYS)


def test_a_migration_waits_until_its_backup_is_verified(world: World) -> None:
    asked = ask(world)
    assert asked.judgement.verdict is Verdict.WAIT

    world.run(asked.backup)

    assert look(world, asked).judgement.verdict is Verdict.PASS


def test_a_broken_dump_is_refused_with_its_code(world: World) -> None:
    asked = ask(world)
    world.engine.during = breaks

    world.run(asked.backup)

    found = look(world, asked).judgement
    assert found.error is not None
    assert (found.verdict, found.error.code) == (Verdict.REFUSE, "source_lost")


def test_the_same_key_asks_for_the_same_backup(world: World) -> None:
    wanted = request(world)

    assert ask(world, wanted).backup.id == ask(world, wanted).backup.id
    assert len(backups(world.adapters.catalog)) == 1


def test_a_new_key_asks_for_a_new_backup(world: World) -> None:
    wanted = request(world)

    assert ask(world, wanted).backup.id != ask(world, wanted, "execution-2").backup.id


def test_two_gates_of_one_project_have_a_backup_each(world: World) -> None:
    wanted = request(world)
    one, two = ask(world, wanted, "one"), ask(world, wanted, "two")

    world.run(one.backup)

    assert look(world, one).judgement.verdict is Verdict.PASS
    assert look(world, two).judgement.verdict is Verdict.WAIT


def test_a_key_with_an_old_backup_is_refused(world: World) -> None:
    wanted = request(world)
    world.run(ask(world, wanted).backup)
    world.clock.turn(FRESH_FOR + timedelta(seconds=1))

    with pytest.raises(Conflict, match="more than"):
        ask(world, wanted)


def test_a_repeated_request_gains_no_time(world: World) -> None:
    wanted = request(world, timeout_s=100)
    first = ask(world, wanted)
    world.clock.turn(timedelta(seconds=60))

    assert ask(world, wanted).ticket.deadline == first.ticket.deadline


def test_a_backup_that_is_late_is_refused_and_cancelled(world: World) -> None:
    asked = ask(world, request(world, timeout_s=100))
    world.clock.turn(timedelta(seconds=100))

    found = look(world, asked).judgement

    assert found.error is not None
    assert (found.verdict, found.error.code) == (Verdict.REFUSE, "deadline_exceeded")
    assert world.backup(asked.backup).status is Status.CANCELLED


def test_a_backup_that_was_there_in_time_passes_a_late_look(world: World) -> None:
    asked = ask(world, request(world, timeout_s=100))
    world.run(asked.backup)
    world.clock.turn(timedelta(seconds=200))

    assert look(world, asked).judgement.verdict is Verdict.PASS


def test_a_backup_that_somebody_cancelled_is_refused(world: World) -> None:
    asked = ask(world)
    world.services.backups.cancel("somebody", asked.backup.id)

    found = look(world, asked).judgement

    assert found.error is not None
    assert found.error.code == "cancelled"


def test_a_backup_that_was_deleted_meanwhile_is_not_found(world: World) -> None:
    asked = ask(world, request(world, hold_days=0))
    world.run(asked.backup)
    world.services.backups.delete("somebody", asked.backup.id)

    with pytest.raises(NotFound):
        look(world, asked)


def test_a_backup_that_turned_out_damaged_is_refused(world: World) -> None:
    asked = ask(world)
    done = world.run(asked.backup)
    assert done.main_artefact is not None
    world.adapters.store.delete(done.main_artefact.key)

    verify(world, done)

    assert look(world, asked).judgement.verdict is Verdict.REFUSE


def test_a_held_backup_cannot_be_deleted_before_its_time(world: World) -> None:
    done = world.run(ask(world).backup)

    with pytest.raises(Conflict, match="held"):
        world.services.backups.delete("somebody", done.id)

    world.clock.turn(timedelta(days=HOLD_DAYS))
    world.services.backups.delete("somebody", done.id)
    assert backups(world.adapters.catalog) == ()


def test_a_released_backup_can_be_deleted(world: World) -> None:
    done = world.run(ask(world).backup)

    world.services.backups.update("somebody", done.id, BackupChanges(hold_days=0))

    world.services.backups.delete("somebody", done.id)
    assert backups(world.adapters.catalog) == ()


def test_a_hold_can_be_made_longer(world: World) -> None:
    done = world.run(ask(world).backup)

    changed = world.services.backups.update("somebody", done.id, BackupChanges(hold_days=90))

    assert changed.hold_until == world.clock.now() + timedelta(days=90)


def test_a_failed_backup_needs_no_release(world: World) -> None:
    asked = ask(world)
    world.services.backups.cancel("somebody", asked.backup.id)

    world.services.backups.delete("somebody", asked.backup.id)

    assert backups(world.adapters.catalog) == ()


def test_a_manual_backup_is_not_held(world: World) -> None:
    assert world.request().hold_until is None


def test_a_migration_goes_with_its_trigger_only(world: World) -> None:
    new = NewBackup(world.project().id, GateOptions().backup, migration_id="0042")

    with pytest.raises(InvalidRequest):
        world.services.backups.request("key:1", new)
