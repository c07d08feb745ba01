"""Whatever call dies while runs are started, each expected run has one backup in the end."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Status
from chalicelib.domain.execution import Work
from chalicelib.domain.schedule import Overlap, ProjectTag
from tests.support.crashes import Crash, Fuse, fused
from tests.support.scheduling import Diary, build_diary


def scene(folder: Path) -> Diary:
    """Return a world in which two runs are due, one of them of two projects."""
    diary = build_diary(folder)
    projects = [diary.project(env="prod") for _ in range(2)]
    diary.schedule(projects[0], overlap=Overlap.QUEUE)
    diary.schedule(project_tag=ProjectTag(name="env", value="prod"))
    diary.wait(hours=1)
    return diary


def crashes(diary: Diary, fuse: Fuse) -> bool:
    services = Services(
        diary.services.settings, fused(diary.services.adapters, fuse, "workflow", "scheduler")
    )
    try:
        services.due_runs.start_due()
    except Crash:
        return True
    return False


@pytest.mark.parametrize("after", [False, True])
def test_every_crash_point_of_a_start_leaves_each_run_had_once(
    tmp_path: Path, *, after: bool
) -> None:
    for number in count(1):
        diary = scene(tmp_path / str(number))
        crashed = crashes(diary, Fuse(number, after=after))
        diary.wait(minutes=5)

        diary.services.sweeper.sweep()

        backups = diary.backups()
        assert len({(b.schedule_id, b.project_id, b.expected_at) for b in backups}) == 3
        assert len(backups) == 3
        assert {b.status for b in backups} == {Status.PENDING}
        assert all(diary.world.workflow.is_running(Work.BACKUP, b.id) for b in backups)
        if not crashed:
            break
    assert number > 20
