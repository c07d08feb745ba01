"""A worker over AWS services may die at any call: the sweeper finds an honest end.

The same crash points as tests/unit/services/test_crash_points.py, which tries each of them; here
every seventh, with a record in DynamoDB, objects in S3 and signatures by KMS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.execution import Work
from chalicelib.domain.manifest import digest
from chalicelib.domain.object_keys import MANIFEST, artefact_key
from chalicelib.ports import ObjectStore, StoredObject
from tests.support.crashes import Crash, Fuse, fused
from tests.support.stack import Stack
from tests.support.world import DUMP, ScriptedEngine

EVERY = 7
ENDLESS = 10_000
WHOLE = ["RECOVERY.md", "database.dump", "manifest.json"]


class DiesOnceSealed:
    """The store of a worker that dies as soon as the manifest is stored."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        stored = self._store.put(key, data, content_type=content_type)
        if key.endswith(MANIFEST):
            raise Crash
        return stored


def run_with(aws: Stack, backup: Backup, fuse: Fuse) -> bool:
    """Run until the fuse blows; tell whether it did."""
    services = aws.with_engine(ScriptedEngine())
    dying = Services(services.settings, fused(services.adapters, fuse))
    try:
        dying.backup_runner("worker-1").run(backup.id)
    except Crash:
        return True
    return False


def swept(aws: Stack, backup: Backup) -> Backup:
    aws.services.adapters.workflow.stop(Work.BACKUP, backup.id)
    aws.services.sweeper.sweep()
    return aws.services.backups.get(backup.id)


def objects_of(aws: Stack, backup: Backup) -> list[str]:
    return [key.rpartition("/")[2] for key in aws.leftovers() if f"/{backup.id}/" in key]


def is_whole(aws: Stack, done: Backup) -> bool:
    store = aws.services.adapters.store
    dump = b"".join(store.read(artefact_key(done, "database.dump")))
    manifest = b"".join(store.read(artefact_key(done, "manifest.json")))
    sealed = digest(manifest) == done.manifest_sha256
    return dump == DUMP and sealed and objects_of(aws, done) == WHOLE


def calls_of_a_run(aws: Stack) -> int:
    fuse = Fuse(ENDLESS, after=False)
    assert not run_with(aws, aws.request(), fuse)
    return fuse.calls


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_a_worker_that_dies_leaves_an_honest_record(aws: Stack, *, after: bool) -> None:
    points = range(1, calls_of_a_run(aws) + 1, EVERY)
    ends = set()

    for number in points:
        backup = aws.request()
        assert run_with(aws, backup, Fuse(number, after))
        done = swept(aws, backup)
        ends.add(done.status)
        if done.status is Status.COMPLETED:
            assert is_whole(aws, done), f"crash point {number}"
        else:
            assert objects_of(aws, done) == [], f"crash point {number}"

    assert len(points) > 5
    assert {Status.FAILED, Status.COMPLETED} <= ends <= {*Status} - {Status.IN_PROGRESS}


def test_a_sealed_backup_is_rolled_forward(aws: Stack) -> None:
    backup = aws.request()
    services = aws.with_engine(ScriptedEngine())
    store: Any = DiesOnceSealed(services.adapters.store)
    dying = Services(services.settings, replace(services.adapters, store=store))
    with pytest.raises(Crash):
        dying.backup_runner("worker-1").run(backup.id)
    assert aws.services.backups.get(backup.id).status is Status.IN_PROGRESS

    done = swept(aws, backup)

    assert done.status is Status.COMPLETED
    assert is_whole(aws, done)
