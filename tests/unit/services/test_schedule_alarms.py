"""Alarms outside follow the calendar; the sweep starts what nobody saw and mends what drifted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain.errors import Conflict, NotFound, StorageFailed
from chalicelib.domain.schedule import RunState
from chalicelib.services.schedules import ScheduleChanges
from chalicelib.services.sweep_schedules import SLOT_S, SLOTS
from tests.support.scheduling import Diary, build_diary


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return build_diary(tmp_path)


def sweep(diary: Diary) -> int:
    problems: list[str] = []
    started = diary.services.sweeper.schedules.sweep(problems, starting=True)
    assert problems == []
    return started


def sweep_for_an_hour(diary: Diary) -> None:
    for _ in range(SLOTS):
        diary.wait(seconds=SLOT_S)
        sweep(diary)


def test_an_alarm_names_the_run_and_is_set_to_its_second(diary: Diary) -> None:
    schedule = diary.schedule(cron="30 2 * * *", timezone="Europe/Berlin")

    entry = diary.scheduler.get(schedule.id)

    assert (entry.expression, entry.timezone) == ("at(2026-03-02T01:30:00)", "UTC")
    assert json.loads(entry.input_json) == {
        "schedule_id": schedule.id,
        "expected_at": "2026-03-02T01:30:00+00:00",
    }


def test_a_disabled_schedule_has_no_alarm(diary: Diary) -> None:
    schedule = diary.schedule()

    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(enabled=False))

    assert diary.scheduler.entries == {}


def test_where_the_alarm_cannot_be_set_no_schedule_is_made(diary: Diary) -> None:
    project = diary.project()
    diary.scheduler.broken = True

    with pytest.raises(StorageFailed):
        diary.schedule(project)

    assert diary.runs() == []


def test_a_deleted_schedule_leaves_neither_run_nor_alarm(diary: Diary) -> None:
    schedule = diary.schedule()

    diary.services.schedules.delete("key:1", schedule.id)

    with pytest.raises(NotFound):
        diary.again(schedule)
    assert (diary.runs(), diary.scheduler.entries) == ([], {})


def test_the_sweep_starts_what_no_alarm_came_for(diary: Diary) -> None:
    diary.schedule()
    diary.schedule()
    diary.wait(hours=1, minutes=3)

    assert sweep(diary) == 2
    assert sweep(diary) == 0


def test_a_sweep_that_is_not_to_start_runs_starts_none(diary: Diary) -> None:
    diary.schedule()
    diary.wait(hours=1)

    report = diary.services.sweeper.sweep(starting=False)

    assert (report.scheduled, diary.backups()) == (0, [])


def test_sweeps_of_an_hour_mend_every_alarm(diary: Diary) -> None:
    schedules = [diary.schedule(cron="daily") for _ in range(20)]
    wanted = dict(diary.scheduler.entries)
    changed = replace(wanted[schedules[0].id], expression="at(2020-01-01T00:00:00)")
    diary.scheduler.entries = {schedules[0].id: changed}

    sweep_for_an_hour(diary)

    assert diary.scheduler.entries == wanted


def test_a_scheduler_that_does_not_answer_keeps_no_sweep_from_its_other_duties(
    diary: Diary,
) -> None:
    for _ in range(40):
        diary.schedule(cron="daily")
    diary.scheduler.entries = {}
    diary.scheduler.broken = True

    problems = []
    for _ in range(SLOTS):
        diary.wait(seconds=SLOT_S)
        problems += diary.services.sweeper.sweep().problems

    assert problems
    assert all(problem.startswith("alarms of schedules: storage_failed") for problem in problems)


def test_an_alarm_of_no_schedule_is_swept_away_once_it_is_not_young(diary: Diary) -> None:
    schedule = diary.schedule()
    orphan = replace(diary.scheduler.get(schedule.id), name=diary.services.ledger.ids.new())
    diary.scheduler.put(orphan)
    sweep(diary)
    kept = set(diary.scheduler.entries)

    diary.wait(hours=2)
    sweep(diary)

    assert kept == {schedule.id, orphan.name}
    assert set(diary.scheduler.entries) == {schedule.id}


def test_settled_runs_are_forgotten_after_their_time(diary: Diary) -> None:
    schedule = diary.schedule(cron="monthly")
    diary.wait_until_due(schedule)
    diary.start_due()
    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(cron="0 0 1 1 *"))
    diary.wait(days=91)

    sweep(diary)

    assert [run.state for run in diary.runs()] == [RunState.EXPECTED]


def test_a_change_moves_the_run_ahead(diary: Diary) -> None:
    schedule = diary.schedule()

    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(cron="15 * * * *"))

    (run,) = diary.runs()
    assert run.expected_at == diary.clock.now() + timedelta(minutes=15)


def test_a_change_while_a_run_is_due_does_not_lose_it(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(hours=1, seconds=1)
    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(cron="daily"))

    diary.start_due()

    assert len(diary.backups()) == 1
    upcoming = diary.again(schedule).next
    assert upcoming is not None
    assert upcoming.expected_at.hour == 3


def test_a_change_is_audited_as_it_was_and_as_it_is(diary: Diary) -> None:
    schedule = diary.schedule()

    diary.services.schedules.update("key:9", schedule.id, ScheduleChanges(name="x", jitter_s=1))

    (event,) = diary.audited("schedule.updated")
    assert (event.actor, event.before["jitter_s"]) == ("key:9", "0")
    assert event.after == {"name": '"x"', "jitter_s": "1"}


def test_a_run_by_hand_of_a_schedule_without_projects_is_refused(diary: Diary) -> None:
    project = diary.project()
    schedule = diary.schedule(project)
    diary.services.projects.delete("key:1", project.id)

    with pytest.raises(Conflict):
        diary.services.schedules.run_now("key:1", schedule)
