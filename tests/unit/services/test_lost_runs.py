"""Promises of the sweeper about workers that are slow, under lists that lag behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import LeaseLost
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.record import Page, Query, Record, Replace
from chalicelib.domain.restore import Restore
from chalicelib.ports import Catalog
from chalicelib.services.lost_runs import LostRuns
from tests.support.world import World

UNDER_WAY = ("status", Status.IN_PROGRESS.value)
LATER = timedelta(minutes=10)
"""Past the lease of a first step, not of the long one after it."""


class LaggingCatalog:
    """A catalog whose lists of what runs still show one record as it was."""

    def __init__(self, inner: Catalog, listed: Record) -> None:
        self._inner = inner
        self._listed = listed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, query: Query[Any]) -> Page[Any]:
        is_asked = query.kind is type(self._listed) and query.index == UNDER_WAY
        return Page((self._listed,), None) if is_asked else self._inner.find(query)


@dataclass
class Spy:
    """Notes who held a backup when its execution was stopped."""

    world: World
    owners: list[str]

    def start(self, work: Work, work_id: str) -> None:
        raise AssertionError(work_id)

    def is_running(self, work: Work, work_id: str) -> bool:
        return True

    def stop(self, work: Work, work_id: str) -> None:
        lease = self.world.services.backups.get(work_id).lease
        self.owners.append(lease.owner if lease else "")


def sweep_behind(world: World, listed: Record) -> None:
    """Sweep much later, over a list of before."""
    world.clock.turn(LATER)
    lagging: Any = LaggingCatalog(world.adapters.catalog, listed)
    adapters = replace(world.adapters, catalog=lagging)
    Services(world.services.settings, adapters).sweeper.sweep()


def under_an_old_lease(restore: Restore) -> Restore:
    """Return a restore as it was in the step before."""
    assert restore.lease is not None
    assert restore.started_at is not None
    before = {"generation": restore.lease.generation - 1, "expires_at": restore.started_at}
    return restore.model_copy(update={"lease": restore.lease.model_copy(update=before)})


def test_a_backup_with_a_newer_lease_is_not_stopped_on_a_lists_word(world: World) -> None:
    backup = world.request()
    seen: list[Backup] = []
    world.engine.planning = lambda: seen.append(world.backup(backup))
    world.engine.during = lambda watch: sweep_behind(world, seen[0])

    done = world.run(backup)

    assert (done.status, world.is_queued(backup)) == (Status.COMPLETED, True)


def test_a_restore_with_a_newer_lease_is_not_stopped_on_a_lists_word(world: World) -> None:
    restore = world.request_restore(world.completed())
    world.restorer.during = lambda watch: sweep_behind(
        world, under_an_old_lease(world.restore(restore))
    )

    done = world.run_restore(restore)

    assert done.status is Status.COMPLETED
    assert world.workflow.is_running(Work.RESTORE, restore.id)


def test_a_job_that_ended_is_not_stopped_on_a_lists_word(world: World) -> None:
    jobs, project = world.services.jobs, world.project()
    job = jobs.request("key:1", JobKind.TEST, project.id, JobArguments())
    begun = job.model_copy(update={"status": Status.IN_PROGRESS})
    ended = job.model_copy(update={"status": Status.COMPLETED})
    world.services.ledger.apply(Job, job.id, lambda _: (Replace(ended),))

    sweep_behind(world, begun)

    assert jobs.get(job.id).status is Status.COMPLETED
    assert world.workflow.is_running(Work.JOB, job.id)


def oversleep(world: World, owners: list[str]) -> None:
    """Sleep through the lease, and through a sweep whose stop does not reach this worker."""
    world.clock.turn(timedelta(days=2))
    runs = LostRuns(world.services.ledger, Spy(world, owners), "sweeper")
    (backup,) = world.adapters.catalog.find(Query(Backup, limit=5)).items
    assert runs.is_lost(Work.BACKUP, backup)


def test_an_overdue_lease_is_taken_before_its_execution_is_ended(world: World) -> None:
    backup = world.request()
    owners: list[str] = []
    world.engine.during = lambda watch: oversleep(world, owners)

    with pytest.raises(LeaseLost):
        world.run(backup)

    assert owners == ["sweeper"]
    assert world.backup(backup).status is Status.IN_PROGRESS
