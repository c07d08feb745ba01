"""Whatever call a restore's worker dies at, the sweeper brings the record to an honest end.

Every call of the worker to the catalog, the object store and the signer is a crash point, before it
and after it took effect. The record may say that the target was touched when it was not, never the
other way round; and a restore that began is never begun again.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import LeaseLost, NotFound
from chalicelib.domain.restore import Restore, TargetState
from chalicelib.domain.runs import LEASE_GRACE
from tests.support.crashes import Crash, Fuse, fused
from tests.support.world import World, build_world

TARGET = Connection(Endpoint(host="db.example.org", database="copy"), "canary-77aa")


def run_until_crash(world: World, restore: Restore, fuse: Fuse) -> bool:
    services = Services(world.services.settings, fused(world.adapters, fuse))
    try:
        services.restore_runner("worker-1").run(restore.id)
    except Crash:
        return True
    return False


def secret_is_gone(world: World, restore: Restore) -> bool:
    try:
        world.adapters.secrets.get(restore.secret_name)
    except NotFound:
        return True
    return False


def crashed(folder: Path, fuse: Fuse) -> tuple[World, Restore] | None:
    """Return the world after a crash and a sweep; None when the run ended before the fuse blew."""
    world = build_world(folder)
    restore = world.request_restore(world.completed(), TARGET)
    if not run_until_crash(world, restore, fuse):
        return None
    world.end_executions()
    world.services.sweeper.sweep()
    return world, world.restore(restore)


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_a_worker_that_dies_anywhere_leaves_an_honest_record(
    tmp_path: Path, *, after: bool
) -> None:
    ends = []
    for number in count(1):
        found = crashed(tmp_path / f"{number}", Fuse(number, after))
        if found is None:
            break
        world, restore = found
        ends.append(restore.status)

        was_touched = bool(world.restorer.read)
        assert not (was_touched and restore.target_state is TargetState.UNTOUCHED), number
        if restore.status is not Status.PENDING:
            assert restore.status in {Status.COMPLETED, Status.FAILED}, number
            assert secret_is_gone(world, restore), number
        assert not list(world.adapters.scratch.glob("restore-*")), number
    assert len(ends) > 20
    assert {Status.FAILED, Status.COMPLETED} <= set(ends)


def test_a_crash_in_the_middle_is_never_repeated(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    restore = world.request_restore(world.completed())
    world.restorer.during = _die
    with pytest.raises(Crash):
        world.run_restore(restore, "worker-1")

    world.end_executions()
    world.clock.turn(LEASE_GRACE + timedelta(days=1))

    with pytest.raises(LeaseLost):
        world.run_restore(restore, "worker-2")
    world.services.sweeper.sweep()

    ended = world.restore(restore)
    assert (ended.status, ended.target_state) == (Status.FAILED, TargetState.PARTIAL)
    assert len(world.restorer.read) == 1


def _die(watch: object) -> None:
    del watch
    raise Crash
