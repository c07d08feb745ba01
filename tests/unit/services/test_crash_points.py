"""Whatever call a worker dies at, the sweeper brings the backup to an honest end.

Every call of the worker to the catalog, the object store and the signer is a crash point, before
it and after it took effect. The world is then swept as after a restart. A completed backup must be
whole; any other must have left nothing.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from tests.support.crashes import Crash, Fuse, fused, is_whole
from tests.support.world import World, build_world


def run_until_crash(world: World, backup: Backup, fuse: Fuse) -> bool:
    services = Services(world.services.settings, fused(world.adapters, fuse))
    try:
        services.backup_runner("worker-1").run(backup.id)
    except Crash:
        return True
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_a_worker_that_dies_anywhere_leaves_an_honest_record(
    tmp_path: Path, *, after: bool
) -> None:
    ends = []
    for number in count(1):
        world = build_world(tmp_path / f"{number}")
        backup = world.request()
        if not run_until_crash(world, backup, Fuse(number, after)):
            break
        world.end_executions()

        world.services.sweeper.sweep()

        done = world.backup(backup)
        ends.append(done.status)
        if done.status is Status.COMPLETED:
            assert is_whole(world, done), f"crash point {number}"
        elif done.status is Status.PENDING:
            assert world.leftovers() == []
        else:
            assert (done.status, world.leftovers()) == (Status.FAILED, []), f"crash point {number}"
    assert len(ends) > 30
    assert ends[-1] is Status.COMPLETED
    assert Status.FAILED in ends


def test_a_sealed_backup_is_rolled_forward(world: World) -> None:
    backup = world.request()
    sealed = Fuse(10_000, after=True)
    run_until_crash(world, backup, sealed)
    crashes = sealed.calls - 5

    again = world.request()
    run_until_crash(world, again, Fuse(crashes, after=True))
    world.end_executions()
    report = world.services.sweeper.sweep()

    assert (report.rolled_forward, world.backup(again).status) == (1, Status.COMPLETED)
