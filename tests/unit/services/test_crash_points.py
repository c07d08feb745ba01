"""Whatever call a worker dies at, the sweeper brings the backup to an honest end.

Every call of the worker to the catalog, the object store and the signer is a crash point, before
it and after it took effect. The world is then swept as after a restart. A completed backup must be
whole; any other must have left nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.manifest import digest
from chalicelib.domain.object_keys import artefact_key
from tests.support.world import DUMP, World, build_world

PORTS = ("catalog", "store", "signer")


class Crash(BaseException):
    """The death of a process: nothing after it runs."""


@dataclass
class Fuse:
    """Count calls; blow at one of them."""

    blow_at: int
    after: bool
    calls: int = 0
    blown: bool = field(default=False)

    def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        if self.blown:
            raise Crash
        self.calls += 1
        here = self.calls == self.blow_at
        if here and not self.after:
            self._blow()
        try:
            return method(*args, **kwargs)
        finally:
            if here:  # an answer that is an error is an answer too
                self._blow()

    def _blow(self) -> None:
        self.blown = True
        raise Crash


class Fused:
    """An adapter whose every call goes through the fuse."""

    def __init__(self, adapter: Any, fuse: Fuse) -> None:
        self._adapter = adapter
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._fuse.call(value, *args, **kwargs)


def run_until_crash(world: World, backup: Backup, fuse: Fuse) -> bool:
    fused: dict[str, Any] = {port: Fused(getattr(world.adapters, port), fuse) for port in PORTS}
    services = Services(world.services.settings, replace(world.adapters, **fused))
    try:
        services.backup_runner("worker-1").run(backup.id)
    except Crash:
        return True
    return False


def is_whole(world: World, done: Backup) -> bool:
    store = world.adapters.store
    dump = b"".join(store.read(artefact_key(done, "database.dump")))
    manifest = b"".join(store.read(artefact_key(done, "manifest.json")))
    names = [key.rpartition("/")[2] for key in world.leftovers()]
    return (
        dump == DUMP
        and digest(manifest) == done.manifest_sha256
        and names == ["RECOVERY.md", "database.dump", "manifest.json"]
    )


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
    crashes = sealed.calls - 4

    again = world.request()
    run_until_crash(world, again, Fuse(crashes, after=True))
    world.end_executions()
    report = world.services.sweeper.sweep()

    assert (report.rolled_forward, world.backup(again).status) == (1, Status.COMPLETED)
