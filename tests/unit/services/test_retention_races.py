"""What happens between look and removal, in the middle of one, and where a store refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Chore
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.record import Remove
from chalicelib.services.backups import BackupChanges
from chalicelib.services.deletions import RETRY_AFTER
from tests.support.crashes import Crash, Fuse, fused
from tests.support.retaining import ages, change, daily, keeping, meddled, next_round, past
from tests.support.world import World, build_world


def lock(world: World, newest: Backup, old: Backup) -> None:
    world.services.backups.update("key:2", old.id, BackupChanges(locked=True))


def invalidate_newest(world: World, newest: Backup, old: Backup) -> None:
    change(world, newest, validated=False)


def delete_newest(world: World, newest: Backup, old: Backup) -> None:
    world.services.backups.delete("key:2", newest.id)


def lose_newest(world: World, newest: Backup, old: Backup) -> None:
    world.adapters.catalog.commit([Remove(world.backup(newest))])


Act = Callable[[World, Backup, Backup], None]


@pytest.mark.parametrize("act", [lock, invalidate_newest, delete_newest, lose_newest])
def test_what_changed_since_the_look_keeps_the_backup(world: World, act: Act) -> None:
    project = keeping(world, keep_last=1)
    newest, old = past(world, project, 1), past(world, project, 2)
    services = meddled(world, lambda: act(world, newest, old))

    report = services.sweeper.sweep()

    assert report.problems == []
    assert world.backup(old).chore is None


@pytest.mark.parametrize("what", ["restore", "job"])
def test_what_somebody_began_to_read_since_the_look_stays(world: World, what: str) -> None:
    project = keeping(world, keep_last=1)
    _, old, _ = daily(world, project, (1, 2, 3))
    arguments = JobArguments(backup_id=old.id)
    begin: dict[str, Callable[[], object]] = {
        "restore": lambda: world.request_restore(old),
        "job": lambda: world.services.jobs.request("k", JobKind.VERIFY, project.id, arguments),
    }
    services = meddled(world, begin[what])

    services.sweeper.sweep()

    assert ages(world) == ["1", "2"]


def test_after_a_lost_floor_the_next_round_plans_again(world: World) -> None:
    project = keeping(world, keep_last=1, freeze_after_failures=None)
    newest, *old = daily(world, project, (1, 2, 3, 4))
    meddled(world, lambda: invalidate_newest(world, newest, old[0])).sweeper.sweep()

    next_round(world)

    assert ages(world) == ["1", "2"]


def test_a_backup_that_somebody_else_deleted_is_no_trouble(world: World) -> None:
    project = keeping(world, keep_last=1)
    _, old, older = daily(world, project, (1, 2, 3))
    services = meddled(world, lambda: world.services.backups.delete("key:2", older.id))

    report = services.sweeper.sweep()

    assert (report.problems, ages(world)) == ([], ["1"])
    assert old.id not in "".join(world.leftovers())


def test_two_sweepers_at_once_do_one_round(world: World) -> None:
    project = keeping(world, keep_last=1)
    daily(world, project, (1, 2, 3))
    found: list[int] = []
    services = meddled(world, lambda: found.append(world.services.sweeper.sweep().deleted))

    report = services.sweeper.sweep()

    assert (found, report.deleted, ages(world)) == ([0], 2, ["1"])


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_a_sweep_that_dies_anywhere_is_finished_by_the_next(tmp_path: Path, *, after: bool) -> None:
    ends = 0
    for number in count(1):
        world = build_world(tmp_path / f"{number}")
        newest = daily(world, keeping(world, keep_last=1), (1, 2))[0]
        if not _died(world, Fuse(number, after)):
            break
        ends += 1

        next_round(world)

        assert ages(world) == ["1"], f"crash point {number}"
        assert {key.split("/")[3] for key in world.leftovers()} == {newest.id}
        assert world.backup(newest).validated
    assert ends > 15


def _died(world: World, fuse: Fuse) -> bool:
    services = Services(world.services.settings, fused(world.adapters, fuse))
    try:
        services.sweeper.retention.sweep()
    except Crash:
        return True
    return False


class Locked:
    """A store that keeps what an object lock protects, as S3 does for those who may not bypass."""

    def __init__(self, inner: Any, kept: str) -> None:
        self._inner = inner
        self.kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def delete(self, key: str) -> None:
        if self.kept and self.kept in key:
            raise StorageFailed("the store refused to delete an object", hint="It is locked.")
        self._inner.delete(key)


def locking(world: World, kept: str) -> tuple[Locked, Services]:
    """Return a store that will not give up keys with this part, and services over it."""
    store: Any = Locked(world.adapters.store, kept)
    return store, Services(world.services.settings, replace(world.adapters, store=store))


def test_a_locked_object_is_said_on_the_record_and_keeps_nobody_else(world: World) -> None:
    project = keeping(world, keep_last=1)
    _, old, oldest = daily(world, project, (1, 2, 3))
    _, services = locking(world, oldest.id)

    report = services.sweeper.sweep()

    held = world.backup(oldest)
    assert (report.deleted, len(report.problems)) == (1, 1)
    assert held.chore is Chore.DELETE
    assert held.deletion_error is not None
    assert held.deletion_error.code == "storage_failed"
    assert old.id not in "".join(world.leftovers())


def test_a_locked_object_is_tried_again_by_the_hour_until_it_goes(world: World) -> None:
    project = keeping(world, keep_last=1)
    _, old = daily(world, project, (1, 2))
    store, services = locking(world, old.id)
    services.sweeper.sweep()

    world.clock.turn(timedelta(minutes=5))
    early = services.sweeper.sweep()
    store.kept = ""
    world.clock.turn(RETRY_AFTER)
    late = services.sweeper.sweep()

    assert (early.problems, early.deleted) == ([], 0)
    assert late.deleted == 1
    assert old.id not in "".join(world.leftovers())
