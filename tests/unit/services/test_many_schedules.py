"""A crowd of schedules: what is due costs, what is not costs nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from chalicelib.domain.record import Insert
from chalicelib.domain.schedule import Schedule, expected_run
from tests.support.crashes import Fuse, fused
from tests.support.scheduling import Diary, build_diary

CROWD = 300


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return build_diary(tmp_path)


def crowd(diary: Diary, cron: str, count: int) -> None:
    """Store many schedules of one project in few commits."""
    project, now = diary.project(), diary.clock.now()
    for _ in range(count // 50):
        made = [
            Schedule(
                id=diary.services.ledger.ids.new(),
                name="one of many",
                project_id=project.id,
                cron=cron,
                created_at=now,
                updated_at=now,
            ).planned(now)
            for _ in range(50)
        ]
        runs = [expected_run(one, one.next) for one in made if one.next]
        diary.services.ledger.catalog.commit([Insert(one) for one in [*made, *runs]])


def test_all_that_are_due_in_one_minute_are_started_and_none_twice(diary: Diary) -> None:
    crowd(diary, "hourly", CROWD)
    diary.wait(hours=1)

    while diary.start_due().runs:
        pass

    started = Counter(backup.schedule_id for backup in diary.backups())
    assert (len(started), set(started.values())) == (CROWD, {1})
    assert diary.world.workflow.waiting_count() == CROWD


def test_one_look_settles_a_part_so_that_others_have_their_turn(diary: Diary) -> None:
    crowd(diary, "hourly", CROWD)
    diary.wait(hours=1)

    report = diary.services.due_runs.start_due(limit=100)

    assert report.runs.total() == 100


def test_looking_costs_the_same_however_many_wait(tmp_path: Path) -> None:
    calls = []
    for count in (50, CROWD):
        diary = build_diary(tmp_path / str(count))
        crowd(diary, "daily", count)
        fuse = Fuse(0, after=False)
        adapters = fused(diary.services.adapters, fuse)
        services = type(diary.services)(diary.services.settings, adapters)
        services.due_runs.start_due()
        calls.append(fuse.calls)

    assert calls == [2, 2]
