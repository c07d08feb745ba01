"""Each backup that ends and each run that was missed is measured once, whoever notices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import WorkerLost
from chalicelib.domain.schedule import ProjectTag
from chalicelib.services.backups import Backups
from chalicelib.services.figures import Figures
from chalicelib.services.ledger import Ledger
from tests.support.scheduling import Diary, build_diary
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


@pytest.fixture
def diary(tmp_path: Path, seen: list[Figures]) -> Diary:
    made = build_diary(tmp_path)
    made.services.ledger = replace(made.services.ledger, measure=seen.append)
    return made


def test_missed_runs_are_measured_one_by_one_and_once(diary: Diary, seen: list[Figures]) -> None:
    diary.schedule()
    diary.wait(hours=4, minutes=40)

    diary.start_due()
    diary.start_due()

    # 13:00 to 16:00 UTC, of which the last is had late
    assert seen == [Figures({"RunsMissedCount": 4.0}, {})]


def test_a_run_of_a_tag_that_nobody_carries_is_measured_as_missed(
    diary: Diary, seen: list[Figures]
) -> None:
    diary.schedule(project_tag=ProjectTag(name="env", value="prod"))
    diary.wait(hours=1)

    diary.start_due()

    assert seen == [Figures({"RunsMissedCount": 1.0}, {})]


def test_a_run_in_time_is_not_measured_as_missed(diary: Diary, seen: list[Figures]) -> None:
    diary.schedule()
    diary.wait(hours=1)

    diary.start_due()

    assert seen == []
