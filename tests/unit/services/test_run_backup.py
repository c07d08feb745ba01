"""Promises of running a backup."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain import moves
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Chore, Status, Step, VerificationLevel
from chalicelib.domain.errors import (
    HoldfastError,
    LeaseLost,
    PermissionDenied,
    SourceLost,
    StorageFailed,
)
from chalicelib.domain.manifest import digest, parse_envelope
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import Query
from chalicelib.ports import ObjectStore
from chalicelib.postgres_ports import Watch
from tests.support.world import DUMP, World


def raising(error: HoldfastError, times: int = 99) -> Callable[[Watch], None]:
    left = [times]

    def during(watch: Watch) -> None:
        watch.check()
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return during


def test_a_backup_runs_to_completed(world: World) -> None:
    done = world.run(world.request())

    assert (done.status, done.validated, done.attempt) == (Status.COMPLETED, True, 1)
    assert done.verification is not None
    assert done.verification.level is VerificationLevel.ARCHIVE


def test_the_record_tells_size_checksum_rows_and_versions(world: World) -> None:
    done = world.run(world.request())

    assert done.checksum is not None
    assert (done.stored_bytes, done.raw_bytes) == (len(DUMP), 3 * len(DUMP))
    assert (done.checksum.value, done.rows) == (digest(DUMP), 42)
    assert (done.server_version, done.client_version, done.restore_needs) == ("18.6", "18.6", "18")


def test_a_completed_backup_holds_dump_recovery_text_and_manifest(world: World) -> None:
    done = world.run(world.request())

    names = [key.rpartition("/")[2] for key in world.leftovers()]
    assert names == ["RECOVERY.md", "database.dump", "manifest.json"]
    assert all(
        key.startswith(f"projects/{done.project_id}/backups/{done.id}/1/")
        for key in world.leftovers()
    )


def test_a_data_backup_brings_the_schema_along(world: World) -> None:
    done = world.run(world.request(type="data"))

    assert [artefact.name for artefact in done.artefacts] == ["database.dump", "schema.dump"]


def test_the_manifest_is_signed_and_holds_the_counts(world: World) -> None:
    done = world.run(world.request())

    stored = b"".join(world.adapters.store.read(artefact_key(done, "manifest.json")))
    envelope = parse_envelope(stored)
    world.adapters.signer.verify(envelope.payload.encode(), envelope.signature)
    assert digest(stored) == done.manifest_sha256
    assert [(c.table, c.rows) for c in envelope.manifest.counts.tables] == [("orders", 42)]


def test_the_recovery_text_names_checksum_and_command(world: World) -> None:
    done = world.run(world.request())

    text = b"".join(world.adapters.store.read(artefact_key(done, "RECOVERY.md"))).decode()
    assert digest(DUMP) in text
    assert "pg_restore --exit-on-error --dbname=TARGET database.dump" in text


def test_steps_leave_an_audit_trail_without_secrets(world: World) -> None:
    done = world.run(world.request())

    events = world.adapters.catalog.find(Query(AuditEvent, index=("subject_id", done.id)))
    assert [event.action for event in reversed(events.items)] == [
        "backup.requested",
        "backup.started",
        "backup.completed",
    ]
    assert "canary" not in str(events)


def test_completion_is_told_to_the_notifier(world: World) -> None:
    world.run(world.request())

    assert '"backup.completed"' in world.notices


def test_a_permanent_failure_ends_failed_and_leaves_nothing(world: World) -> None:
    world.engine.during = raising(PermissionDenied("no rights on table secrets"))

    done = world.run(world.request())

    assert (done.status, done.validated, world.engine.dumps) == (Status.FAILED, False, 1)
    assert done.error == PermissionDenied("no rights on table secrets").info
    assert world.leftovers() == []


def test_a_passing_failure_is_tried_once_more_under_keys_of_its_own(world: World) -> None:
    world.engine.during = raising(SourceLost("connection cut"), times=1)

    done = world.run(world.request())

    assert (done.status, done.attempt) == (Status.COMPLETED, 2)
    assert all("/2/" in key for key in world.leftovers())


def test_a_failure_that_stays_ends_after_two_attempts(world: World) -> None:
    world.engine.during = raising(SourceLost("connection cut"))

    done = world.run(world.request())

    assert (done.status, world.engine.dumps) == (Status.FAILED, 2)
    assert done.error is not None
    assert (done.error.code, world.leftovers()) == ("source_lost", [])


def test_a_refused_plan_ends_failed_before_anything_is_stored(world: World) -> None:
    def refuse() -> None:
        raise PermissionDenied("no rights")

    world.engine.planning = refuse

    done = world.run(world.request())

    assert (done.status, done.attempt, world.engine.dumps) == (Status.FAILED, 0, 0)


def test_bytes_that_change_in_the_store_are_never_called_a_success(world: World) -> None:
    def corrupt(watch: Watch) -> None:
        watch.check()
        world.engine.content = b"X" * len(DUMP)

    world.engine.during = corrupt

    done = world.run(world.request())

    assert done.error is not None
    assert (done.error.code, done.validated, world.leftovers()) == ("integrity_failed", False, [])


def test_a_cancel_during_the_dump_takes_effect_and_leaves_nothing(world: World) -> None:
    backup = world.request()

    def cancel(watch: Watch) -> None:
        world.services.backups.cancel("key:1", backup.id)
        world.clock.turn(timedelta(seconds=1))
        watch.check()

    world.engine.during = cancel

    done = world.run(backup)

    assert (done.status, world.leftovers()) == (Status.CANCELLED, [])


@pytest.mark.parametrize("phase", ["prepare", "dump", "verify"])
def test_a_cancel_in_any_phase_leaves_nothing(world: World, phase: str) -> None:
    backup = world.request()

    def cancel() -> None:
        world.services.backups.cancel("key:1", backup.id)
        world.clock.turn(timedelta(seconds=1))

    if phase == "prepare":
        world.engine.planning = cancel
    elif phase == "verify":
        world.engine.checking = cancel
    else:
        world.engine.during = lambda watch: cancel()

    with suppress(LeaseLost):  # in prepare the record ends at once, and the worker learns it
        world.run(backup)

    assert (world.backup(backup).status, world.leftovers()) == (Status.CANCELLED, [])


@dataclass
class FullStore:
    """A store that runs full at a part, at a completion or at a small object."""

    store: ObjectStore
    full_at: str

    def __getattr__(self, name: str) -> object:
        if name == self.full_at:
            return self._refuse
        return getattr(self.store, name)

    def _refuse(self, *args: object, **kwargs: object) -> None:
        raise StorageFailed("the disk is full")


@pytest.mark.parametrize("full_at", ["begin", "upload_part", "complete", "put", "head"])
def test_a_full_store_ends_failed_and_leaves_nothing(world: World, full_at: str) -> None:
    backup = world.request()
    full = FullStore(world.adapters.store, full_at)
    adapters = replace(world.adapters, store=full)  # type: ignore[arg-type]

    done = Services(world.services.settings, adapters).backup_runner("worker-1").run(backup.id)

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "storage_failed")
    assert world.leftovers() == []


def test_a_store_that_cannot_even_be_cleared_is_left_to_the_sweeper(world: World) -> None:
    backup = world.request()
    world.engine.during = raising(PermissionDenied("no rights"))
    adapters = replace(
        world.adapters,
        store=FullStore(world.adapters.store, "abort"),  # type: ignore[arg-type]
    )

    done = Services(world.services.settings, adapters).backup_runner("worker-1").run(backup.id)
    world.services.sweeper.sweep()

    assert (done.status, done.chore) == (Status.FAILED, Chore.CLEAN)
    assert world.leftovers() == []


def test_a_cancel_wins_over_the_error_it_causes(world: World) -> None:
    backup = world.request()

    def cancel(watch: Watch) -> None:
        del watch
        world.services.backups.cancel("key:1", backup.id)
        raise PermissionDenied("terminated")

    world.engine.during = cancel

    assert world.run(backup).status is Status.CANCELLED


def test_a_dump_past_its_deadline_fails(world: World) -> None:
    def stall(watch: Watch) -> None:
        world.clock.turn(timedelta(days=1))
        watch.check()

    world.engine.during = stall

    done = world.run(world.request())

    assert done.error is not None
    assert (done.error.code, world.leftovers()) == ("deadline_exceeded", [])


def test_a_finished_backup_is_left_alone(world: World) -> None:
    done = world.run(world.request())

    again = world.run(done, owner="worker-2")

    assert (again, world.engine.dumps) == (done, 1)


def test_a_second_worker_cannot_touch_a_backup_in_living_hands(world: World) -> None:
    backup = world.request()
    second: list[str] = []

    def intrude(watch: Watch) -> None:
        watch.check()
        with pytest.raises(LeaseLost) as lost:
            world.run(backup, owner="worker-2")
        second.append(lost.value.code)

    world.engine.during = intrude

    done = world.run(backup)

    assert (done.status, second, done.attempt) == (Status.COMPLETED, ["lease_lost"], 1)


def take_over(world: World, backup: Backup) -> None:
    """Let another worker run the backup to its end after the first one's lease ran out."""
    world.clock.turn(timedelta(days=2))
    world.engine.during = lambda watch: watch.check()
    done = world.run(backup, owner="worker-2")
    assert done.status is Status.COMPLETED


def test_a_stale_worker_that_wakes_can_change_neither_record_nor_objects(world: World) -> None:
    backup = world.request()

    def sleep_past_the_lease(watch: Watch) -> None:
        del watch
        take_over(world, backup)

    world.engine.during = sleep_past_the_lease
    with pytest.raises(HoldfastError) as stopped:
        world.run(backup, owner="worker-1")

    done = world.backup(backup)
    assert stopped.value.code == "lease_lost"
    assert (done.status, done.attempt) == (Status.COMPLETED, 2)
    assert all("/2/" in key for key in world.leftovers())


def test_the_last_progress_of_a_dump_is_kept_however_short_it_was(world: World) -> None:
    backup = world.request()

    def report(watch: Watch) -> None:
        for done in (1, 50, 100):
            at = world.clock.now()
            watch.check(
                Progress(id="x", phase="dump", raw_bytes_done=done, raw_bytes_total=100, at=at)
            )

    world.engine.during = report

    world.run(backup)

    progress = world.services.backups.progress(backup.id)
    assert progress is not None
    assert (progress.phase, progress.raw_bytes_done) == ("completed", 100)


def test_progress_is_published_while_a_run_checks_in(world: World) -> None:
    backup = world.request()

    world.run(backup)

    progress = world.services.backups.progress(backup.id)
    assert progress is not None
    assert progress.phase == "completed"


def test_the_step_list_is_the_one_of_the_state_machine() -> None:
    assert list(Step) == ["prepare", "dump", "verify", "seal", "complete"]
    assert moves.MAX_ATTEMPTS == 2
