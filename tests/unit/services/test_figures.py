"""Each backup that ends is measured once, whoever ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import WorkerLost
from chalicelib.services.backups import Backups
from chalicelib.services.figures import Figures
from chalicelib.services.ledger import Ledger
from tests.support.world import DUMP, World


@pytest.fixture
def seen() -> list[Figures]:
    return []


@pytest.fixture
def ledger(world: World, seen: list[Figures]) -> Ledger:
    return replace(world.services.ledger, measure=seen.append)


@pytest.fixture
def backup(world: World) -> Backup:
    return world.request()


def test_a_completed_backup_is_measured_once(
    world: World, ledger: Ledger, seen: list[Figures], backup: Backup
) -> None:
    runner = replace(world.services.backup_runner("worker-1"), ledger=ledger)

    runner.run(backup.id)
    runner.run(backup.id)

    (figures,) = seen
    assert figures.dimensions == {"trigger": "manual"}
    assert figures.values["BackupsCompletedCount"] == 1
    assert figures.values["BackupStoredBytes"] == len(DUMP)


def test_a_failed_backup_has_no_sizes(
    world: World, ledger: Ledger, seen: list[Figures], backup: Backup
) -> None:
    runner = replace(world.services.backup_runner("worker-1"), ledger=ledger)

    runner.fail(backup.id, WorkerLost("the worker went away"))

    assert [figures.values for figures in seen] == [{"BackupsFailedCount": 1}]


def test_a_cancelled_backup_is_measured(
    world: World, ledger: Ledger, seen: list[Figures], backup: Backup
) -> None:
    backups = Backups(ledger, world.adapters.workflow, world.adapters.store)

    backups.cancel("key:1", backup.id)

    assert [figures.values for figures in seen] == [{"BackupsCancelledCount": 1}]
