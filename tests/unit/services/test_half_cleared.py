"""A run that ends badly is never taken for whole, wherever its clean-up is cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status, Step
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import Conflict, LeaseLost, WorkerLost
from chalicelib.ports import StoredObject
from chalicelib.services.seal import BLOCKS
from tests.support.crashes import Crash, Fuse, fused
from tests.support.world import World

BLOCK = BlockDigest(
    dump_id=1,
    schema_name="public",
    name="orders",
    offset=5,
    stored_bytes=9,
    raw_bytes=4,
    rows=2,
    sha256="0" * 64,
)


def sealed(world: World) -> Backup:
    """Return a backup whose worker has sealed it and not yet completed it."""
    backup = world.request()
    runner = world.services.backup_runner("worker-1")
    while world.backup(backup).step is not Step.COMPLETE:
        runner._step(world.backup(backup))  # noqa: SLF001 - the state between two steps
    return world.backup(backup)


@pytest.mark.parametrize("call", range(1, 12))
def test_a_sealed_run_whose_clean_up_was_cut_off_is_not_rolled_forward(
    world: World, call: int
) -> None:
    backup = sealed(world)
    services = Services(world.services.settings, fused(world.adapters, Fuse(call, after=True)))
    with pytest.raises(Crash):
        services.backup_runner("worker-1").fail(backup.id, WorkerLost("stopped"))
    before = world.leftovers()
    world.end_executions()

    world.services.sweeper.sweep()

    done = world.backup(backup)
    whole = done.status is Status.COMPLETED and len(before) >= 3
    assert whole or (done.status, world.leftovers()) == (Status.FAILED, [])


def test_a_worker_that_was_taken_over_cannot_clear_what_another_completes(world: World) -> None:
    backup = sealed(world)
    world.clock.turn(timedelta(hours=1))
    done = world.run(backup, owner="worker-2")

    world.services.backup_runner("worker-1").fail(backup.id, WorkerLost("late"))

    assert (done.status, len(world.leftovers())) == (Status.COMPLETED, 3)


def test_a_worker_cannot_seal_what_the_sweeper_ends(world: World) -> None:
    backup = sealed(world)
    world.adapters.store.delete(next(k for k in world.leftovers() if k.endswith("manifest.json")))
    world.end_executions()
    world.services.sweeper.sweep()

    with pytest.raises(Conflict):
        world.services.backup_runner("worker-1")._step(backup)  # noqa: SLF001 - a stale worker

    assert (world.backup(backup).status, world.leftovers()) == (Status.FAILED, [])


class SleepsBeforeDrafts(DirectoryStore):
    """A store whose caller falls asleep before it keeps the blocks of a verification."""

    def __init__(self, folder: Path, sleep: Callable[[], object]) -> None:
        super().__init__(folder, b"k" * 32, "http://127.0.0.1:1")
        self._sleep = sleep

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        if key.endswith(BLOCKS):
            self._sleep()
        return super().put(key, data, content_type=content_type)


def test_a_worker_that_slept_through_the_end_leaves_no_draft_behind(
    world: World, tmp_path: Path
) -> None:
    backup = world.request()
    world.engine.blocks = (BLOCK,)

    def sleep() -> None:
        world.clock.turn(timedelta(days=1))
        world.run(backup, owner="worker-2")

    store = SleepsBeforeDrafts(tmp_path / "objects", sleep)
    slept = Services(world.services.settings, replace(world.adapters, store=store))

    with pytest.raises(LeaseLost):
        slept.backup_runner("worker-1").run(backup.id)

    names = sorted(key.rpartition("/")[2] for key in world.leftovers())
    assert names == ["RECOVERY.md", "database.dump", "manifest.json"]
