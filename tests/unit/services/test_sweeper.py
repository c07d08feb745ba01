"""Promises of the sweeper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import NotFound, StorageFailed
from chalicelib.domain.idempotency import Idempotency
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.link import Link
from chalicelib.domain.record import Insert, Query, Replace
from chalicelib.ports import ObjectStore, Upload
from chalicelib.postgres_ports import Watch
from chalicelib.services.attempt_objects import LATE_WRITES
from chalicelib.services.backups import NewBackup
from chalicelib.services.links import NewLink
from chalicelib.services.outbox import DELIVERED, GIVEN_UP, MAX_TRIES, Outbox
from tests.support.world import World


class Killed(BaseException):
    """The death of a worker."""


def kill(watch: Watch) -> None:
    raise Killed


def lose_worker(world: World) -> Backup:
    """Give a backup whose worker died in the middle of its dump."""
    backup = world.request()
    world.workflow.take(1)
    world.engine.during = kill
    with pytest.raises(Killed):
        world.run(backup)
    world.engine.during = lambda watch: watch.check()
    return world.backup(backup)


def test_a_lost_workers_backup_fails_and_its_uploads_go(world: World) -> None:
    backup = lose_worker(world)
    world.end_executions()

    report = world.services.sweeper.sweep()

    done = world.backup(backup)
    assert done.error is not None
    assert (done.status, done.error.code, report.failed) == (Status.FAILED, "worker_lost", 1)
    assert world.leftovers() == []


def test_a_run_whose_worker_lives_is_left_alone(world: World) -> None:
    backup = world.request()
    world.run(backup)
    other = world.request()

    world.services.sweeper.sweep()

    assert world.backup(other).status is Status.PENDING


def test_a_run_past_its_lease_is_ended_and_fails_on_its_deadline(world: World) -> None:
    backup = world.request()
    world.engine.during = kill
    with pytest.raises(Killed):
        world.run(backup)
    assert world.is_queued(backup)
    world.clock.turn(timedelta(days=2))

    world.services.sweeper.sweep()

    done = world.backup(backup)
    assert done.error is not None
    assert (done.error.code, world.is_queued(backup)) == ("deadline_exceeded", False)


def test_a_cancelled_run_whose_worker_died_is_cancelled(world: World) -> None:
    backup = lose_worker(world)
    world.services.backups.cancel("key:1", backup.id)
    world.end_executions()

    world.services.sweeper.sweep()

    assert world.backup(backup).status is Status.CANCELLED


def test_a_pending_backup_nobody_runs_is_started_again(world: World) -> None:
    backup = world.request()
    world.end_executions()
    world.clock.turn(timedelta(minutes=2))

    report = world.services.sweeper.sweep()

    assert (report.restarted, world.is_queued(backup)) == (1, True)


def test_a_fresh_pending_backup_is_given_time(world: World) -> None:
    world.request()
    world.end_executions()

    assert world.services.sweeper.sweep().restarted == 0


def test_a_lost_job_fails(world: World) -> None:
    project = world.project()
    job = world.services.jobs.request("key:1", JobKind.TEST, project.id, JobArguments())
    started = job.model_copy(update={"status": Status.IN_PROGRESS})
    world.adapters.catalog.commit([Replace(started)])
    world.end_executions()

    world.services.sweeper.sweep()

    after = world.services.jobs.get(job.id)
    assert after.error is not None
    assert (after.status, after.error.code) == (Status.FAILED, "worker_lost")


@pytest.mark.parametrize("owner", ["a missing backup", "a finished backup", "an older attempt"])
def test_uploads_that_belong_to_nothing_are_aborted(world: World, owner: str) -> None:
    done = world.run(world.request())
    backup_id = "01MISSING" if owner == "a missing backup" else done.id
    attempt = 7 if owner == "an older attempt" else 1
    key = f"projects/{done.project_id}/backups/{backup_id}/{attempt}/database.dump"
    world.adapters.store.begin(key, content_type="x")

    report = world.services.sweeper.sweep()

    assert (report.uploads_aborted, list(world.adapters.store.uploads(""))) == (1, [])


def test_the_upload_of_a_running_dump_is_kept(world: World) -> None:
    seen: list[list[Upload]] = []

    def sweep(watch: Watch) -> None:
        watch.check()
        world.services.sweeper.sweep()
        seen.append(list(world.adapters.store.uploads("")))

    world.engine.during = sweep

    assert world.run(world.request()).status is Status.COMPLETED
    assert len(seen[0]) == 1


def test_a_broken_seal_is_reported_and_never_rolled_forward(world: World) -> None:
    backup = lose_worker(world)
    key = f"projects/{backup.project_id}/backups/{backup.id}/1/manifest.json"
    world.adapters.store.put(key, b"{}", content_type="application/json")
    world.end_executions()

    report = world.services.sweeper.sweep()

    assert (world.backup(backup).status, len(report.problems)) == (Status.FAILED, 1)
    assert world.leftovers() == []


def left_to_clean(world: World) -> Backup:
    done = world.run(world.request())
    failed = done.model_copy(update={"status": Status.FAILED, "chore": Chore.CLEAN})
    world.adapters.catalog.commit([Replace(failed)])
    return done


def test_objects_a_failing_store_kept_are_cleaned_later(world: World) -> None:
    failed = left_to_clean(world)

    report = world.services.sweeper.sweep()

    assert (report.cleaned, world.backup(failed).chore) == (0, Chore.CLEAN)
    assert world.leftovers() == []


def test_what_was_cleaned_is_looked_at_until_no_late_write_can_come(world: World) -> None:
    failed = left_to_clean(world)
    world.services.sweeper.sweep()
    key = f"projects/{failed.project_id}/backups/{failed.id}/1/late"
    world.adapters.store.put(key, b"x", content_type="text/plain")
    world.clock.turn(LATE_WRITES)

    report = world.services.sweeper.sweep()

    assert (report.cleaned, world.backup(failed).chore, world.leftovers()) == (1, None, [])


def test_a_completed_backup_loses_the_objects_of_earlier_attempts_only(world: World) -> None:
    done = world.run(world.request())
    second = done.model_copy(update={"attempt": 2, "chore": Chore.CLEAN})
    world.adapters.catalog.commit([Replace(second)])
    key = f"projects/{done.project_id}/backups/{done.id}/2/database.dump"
    world.adapters.store.put(key, b"x", content_type="text/plain")

    world.services.sweeper.sweep()

    assert world.leftovers() == [key]


def test_a_deletion_that_was_cut_off_is_finished(world: World) -> None:
    done = world.run(world.request())
    world.adapters.catalog.commit([Replace(done.model_copy(update={"chore": Chore.DELETE}))])

    report = world.services.sweeper.sweep()

    assert (report.deleted, world.leftovers()) == (1, [])
    with pytest.raises(NotFound):
        world.backup(done)


def test_old_links_and_requests_are_forgotten(world: World) -> None:
    project = world.project()
    new = NewBackup(project.id, world.request().options, idempotency_key="k", body="b")
    done = world.run(world.services.backups.request("key:1", new))
    world.services.links.create("key:1", done, NewLink())
    world.clock.turn(timedelta(days=3))
    first = world.services.sweeper.sweep()
    world.clock.turn(timedelta(days=30))
    second = world.services.sweeper.sweep()

    catalog = world.adapters.catalog
    assert (first.forgotten, second.forgotten) == (1, 2)  # with the link goes its notice
    assert catalog.find(Query(Link)).items == ()
    assert catalog.find(Query(Idempotency)).items == ()


def test_finished_jobs_are_forgotten_after_a_week(world: World) -> None:
    job = world.services.jobs.request("key:1", JobKind.TEST, world.project().id, JobArguments())
    world.services.job_runner("worker-1").run(job.id)
    world.clock.turn(timedelta(days=8))

    world.services.sweeper.sweep()

    assert world.adapters.catalog.find(Query(Job)).items == ()


def test_one_records_trouble_keeps_no_other_waiting(world: World) -> None:
    first, second = lose_worker(world), lose_worker(world)
    world.end_executions()
    sweeper = world.services.sweeper
    refusing = _RefusingStore(world.adapters.store, first.id)
    troubled = replace(sweeper, store=refusing)  # type: ignore[arg-type]

    report = troubled.sweep()

    assert world.backup(second).status is Status.FAILED
    assert world.backup(first).status is Status.IN_PROGRESS
    assert "storage_failed" in report.problems[0]


class _RefusingStore:
    """A store that refuses to list one backup."""

    def __init__(self, store: ObjectStore, backup_id: str) -> None:
        self._store = store
        self._backup_id = backup_id

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def uploads(self, prefix: str) -> object:
        if self._backup_id in prefix:
            raise StorageFailed("refused")
        return self._store.uploads(prefix)


class _DeafNotifier:
    """A notifier nobody can reach."""

    def deliver(self, notice: Notice) -> None:
        raise StorageFailed("nobody listens")


def test_a_notice_that_cannot_be_delivered_is_tried_again_and_given_up_at_last(
    world: World,
) -> None:
    world.adapters.catalog.commit([Insert(_notice())])
    deaf = Outbox(world.services.ledger, _DeafNotifier())

    states = []
    for _ in range(MAX_TRIES):
        deaf.drain()
        states.append(world.adapters.catalog.get(Notice, "N").state)

    assert states == ["waiting"] * (MAX_TRIES - 1) + [GIVEN_UP]


def test_a_delivered_notice_is_not_delivered_again(world: World) -> None:
    world.adapters.catalog.commit([Insert(_notice())])

    counts = [world.services.outbox.drain(), world.services.outbox.drain()]

    assert counts == [1, 0]
    assert world.adapters.catalog.get(Notice, "N").state == DELIVERED


def _notice() -> Notice:
    return Notice.model_validate(
        {
            "id": "N",
            "at": "2026-03-01T00:00:00Z",
            "event": "backup.failed",
            "subject_id": "B",
            "project_id": "P",
        }
    )


def test_a_sweep_of_a_tidy_world_does_nothing(world: World) -> None:
    world.run(world.request())
    world.services.sweeper.sweep()

    assert not world.services.sweeper.sweep().did_anything
