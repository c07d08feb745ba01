"""Runs that are due: each is had once, whoever notices it, and what was missed is said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Status, Trigger
from chalicelib.domain.record import Replace
from chalicelib.domain.schedule import Overlap, ProjectTag, RunState
from chalicelib.services.schedules import ScheduleChanges
from tests.support.scheduling import Diary, build_diary

PROD = ProjectTag(name="env", value="prod")


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return build_diary(tmp_path)


def hours(*past_noon: float) -> list[timedelta]:
    return [timedelta(hours=12 + hour) for hour in past_noon]


def times(diary: Diary) -> list[timedelta]:
    """Return for which times of the first day there are backups."""
    day = datetime(2026, 3, 1, tzinfo=UTC)
    return [instant - day for instant in diary.instants()]


def test_nothing_runs_before_its_time(diary: Diary) -> None:
    diary.schedule()
    diary.wait(minutes=59, seconds=59)

    report = diary.start_due()

    assert (report.runs, diary.backups()) == ({}, [])


def test_a_due_run_becomes_a_backup_that_names_its_schedule(diary: Diary) -> None:
    options = BackupOptions(type=BackupType.SCHEMA)
    schedule = diary.schedule(options=options, tags={"why": "nightly"})
    diary.wait_until_due(schedule)

    diary.start_due()

    (backup,) = diary.backups()
    assert (backup.schedule_id, backup.expected_at) == (schedule.id, diary.clock.now())
    assert (backup.trigger, backup.tags) == (Trigger.SCHEDULED, {"why": "nightly"})
    assert (backup.options.type, diary.world.is_queued(backup)) == (BackupType.SCHEMA, True)


def test_a_started_run_is_followed_by_the_next_one(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)

    diary.start_due()

    upcoming = diary.again(schedule).next
    assert upcoming is not None
    assert upcoming.expected_at == diary.clock.now() + timedelta(hours=1)
    assert [run.id for run in diary.runs(RunState.EXPECTED)] == [upcoming.run_id]


def test_a_schedule_shows_its_last_run(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)

    diary.start_due()

    last = diary.again(schedule).last
    assert last is not None
    assert (last.state, last.backup_id) == (RunState.STARTED, diary.backups()[0].id)


def test_a_run_is_started_once_however_often_it_is_looked_for(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)
    upcoming = diary.again(schedule).next
    assert upcoming is not None

    diary.start_due()
    diary.start_due()
    for _ in range(2):
        diary.services.due_runs.fire(schedule.id, upcoming.expected_at)

    assert len(diary.backups()) == 1


def test_of_many_who_notice_at_once_one_starts_it(diary: Diary) -> None:
    schedules = [diary.schedule() for _ in range(5)]
    diary.wait_until_due(schedules[0])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: diary.start_due(), range(8)))

    assert {b.schedule_id for b in diary.backups()} == {s.id for s in schedules}
    assert len(diary.backups()) == 5


def test_an_alarm_starts_the_run_it_names(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)

    diary.services.due_runs.fire(schedule.id, diary.clock.now())

    assert times(diary) == hours(1)


@pytest.mark.parametrize(
    ("behind", "started"),
    [
        pytest.param(timedelta(minutes=15), 1, id="a clock that is behind by little"),
        pytest.param(timedelta(minutes=16), 0, id="an alarm that is far too early"),
    ],
)
def test_an_alarm_is_believed_within_reason(diary: Diary, behind: timedelta, started: int) -> None:
    schedule = diary.schedule()
    diary.clock.turn(timedelta(hours=1) - behind)

    diary.services.due_runs.fire(schedule.id, diary.clock.now() + behind)

    assert len(diary.backups()) == started


def test_an_alarm_for_a_run_that_was_settled_changes_nothing(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)
    first = diary.clock.now()
    diary.start_due()
    diary.wait(minutes=50)

    diary.services.due_runs.fire(schedule.id, first)

    assert times(diary) == hours(1)


def test_a_later_alarm_that_comes_first_lets_the_latest_run(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(hours=2)

    diary.services.due_runs.fire(schedule.id, diary.clock.now())

    assert times(diary) == hours(2)


def test_an_alarm_of_a_deleted_schedule_is_fine(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.services.schedules.delete("key:1", schedule.id)
    diary.wait(hours=1)

    report = diary.services.due_runs.fire(schedule.id, diary.clock.now())

    assert (report.runs, report.problems) == ({}, [])


def test_within_the_grace_a_late_run_is_not_missed(diary: Diary) -> None:
    diary.schedule()
    diary.wait(minutes=89)

    report = diary.start_due()

    assert (report.missed, times(diary), diary.notices("backup.missed")) == (0, hours(1), [])


def test_after_the_grace_a_run_is_had_late_and_told_as_missed(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(minutes=91)

    report = diary.start_due()

    (notice,) = diary.notices("backup.missed")
    assert (report.missed, times(diary)) == (1, hours(1))
    assert (notice.subject_id, notice.body["missed"]) == (schedule.id, "2026-03-01T13:00Z")
    assert notice.body["backup_id"] == diary.backups()[0].id


def test_after_a_long_silence_the_latest_run_is_had_and_the_others_are_named(diary: Diary) -> None:
    diary.schedule()
    diary.wait(hours=4, minutes=10)

    report = diary.start_due()

    (notice,) = diary.notices("backup.missed")
    assert (report.missed, times(diary)) == (3, hours(4))
    assert notice.body["missed"] == "2026-03-01T13:00Z, 2026-03-01T14:00Z, 2026-03-01T15:00Z"
    assert (notice.body["missed_count"], len(diary.audited("backup.missed"))) == ("3", 1)


def test_of_very_many_missed_runs_the_first_are_named(diary: Diary) -> None:
    diary.schedule(cron="* * * * *")
    diary.wait(days=20)

    report = diary.start_due()

    (notice,) = diary.notices("backup.missed")
    assert report.missed == 10_000
    assert len(notice.body["missed"].split(", ")) == 20
    assert diary.instants() == [diary.clock.now()]


def test_the_calendar_keeps_what_was_missed(diary: Diary) -> None:
    diary.schedule()
    diary.wait(hours=3)

    diary.start_due()

    states = [run.state for run in diary.runs()]
    assert states == [RunState.MISSED, RunState.STARTED, RunState.EXPECTED]
    assert diary.runs()[0].missed_count == 2


def test_a_clock_set_back_starts_nothing_again(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)
    diary.start_due()

    diary.wait(minutes=-15)
    diary.start_due()
    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(name="renamed"))
    diary.wait(minutes=15)
    diary.start_due()

    assert times(diary) == hours(1)


def test_a_clock_that_was_years_ahead_does_not_silence_a_schedule(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(days=800)
    diary.start_due()
    diary.wait(days=-800)

    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(jitter_s=0))

    upcoming = diary.again(schedule).next
    assert upcoming is not None
    # 13:00 was told as missed while the clock was wrong, and is not had any more
    assert upcoming.expected_at == diary.clock.now() + timedelta(hours=2)


@pytest.mark.parametrize(
    ("overlap", "states", "backups"),
    [
        (Overlap.SKIP, [RunState.STARTED, RunState.SKIPPED, RunState.SKIPPED], 1),
        (Overlap.QUEUE, [RunState.STARTED, RunState.QUEUED, RunState.SKIPPED], 1),
    ],
)
def test_while_a_run_goes_on(
    diary: Diary, overlap: Overlap, states: list[RunState], backups: int
) -> None:
    diary.schedule(overlap=overlap)
    for _ in range(3):
        diary.wait(hours=1)
        diary.start_due()

    assert [run.state for run in diary.runs()[:3]] == states
    assert len(diary.backups()) == backups


def test_a_queued_run_begins_when_the_one_before_it_has_ended(diary: Diary) -> None:
    diary.schedule(overlap=Overlap.QUEUE)
    for _ in range(2):
        diary.wait(hours=1)
        diary.start_due()
    diary.finish(diary.backups()[0])

    diary.start_due()

    assert times(diary) == hours(1, 2)
    assert diary.backups()[1].status is Status.PENDING


def test_a_skipped_run_is_on_record(diary: Diary) -> None:
    schedule = diary.schedule()
    for _ in range(2):
        diary.wait(hours=1)
        diary.start_due()

    (event,) = diary.audited("schedule.skipped")
    last = diary.again(schedule).last
    assert last is not None
    assert (event.subject_id, last.reason) == (schedule.id, "the run before it goes on")


def test_a_run_asked_for_by_hand_is_one_not_to_overlap(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(minutes=59)
    diary.services.schedules.run_now("key:1", schedule)
    diary.wait(minutes=1)

    diary.start_due()

    assert [run.state for run in diary.runs()[:2]] == [RunState.STARTED, RunState.SKIPPED]
    assert diary.instants() == []


def test_another_schedule_of_the_project_may_overlap(diary: Diary) -> None:
    project = diary.project()
    diary.schedule(project)
    diary.schedule(project)
    diary.wait(hours=1)

    diary.start_due()

    assert len(diary.backups()) == 2


def test_a_disabled_schedule_does_not_run(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait(hours=1)

    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(enabled=False))
    diary.start_due()

    assert (diary.backups(), diary.runs(RunState.EXPECTED)) == ([], [])


def test_an_enabled_schedule_misses_nothing_of_the_time_it_was_disabled(diary: Diary) -> None:
    schedule = diary.schedule(enabled=False)
    diary.wait(hours=10)
    diary.services.schedules.update("key:1", schedule.id, ScheduleChanges(enabled=True))
    diary.wait(hours=1)

    report = diary.start_due()

    assert (report.missed, times(diary)) == (0, hours(11))


def test_the_schedule_of_a_deleted_project_is_disabled_and_that_is_told(diary: Diary) -> None:
    project = diary.project()
    schedule = diary.schedule(project)
    diary.services.projects.delete("key:1", project.id)
    diary.wait_until_due(schedule)

    diary.start_due()

    after = diary.again(schedule)
    (notice,) = diary.notices("schedule.disabled")
    assert (after.enabled, after.next, diary.scheduler.entries) == (False, None, {})
    assert after.disabled_because is not None
    assert (notice.subject_id, notice.body["message"]) == (schedule.id, "its project was deleted")


def test_a_schedule_of_a_tag_runs_for_every_project_that_has_it(diary: Diary) -> None:
    tagged = {diary.project(env="prod").id for _ in range(3)}
    diary.project(env="test")
    schedule = diary.schedule(project_tag=PROD)
    diary.wait_until_due(schedule)

    diary.start_due()

    assert {backup.project_id for backup in diary.backups()} == tagged
    assert diary.runs(RunState.SPREAD)[0].reason == "3 projects"


def test_a_project_that_gets_the_tag_later_is_in_the_next_run(diary: Diary) -> None:
    diary.project(env="prod")
    schedule = diary.schedule(project_tag=PROD)
    diary.wait_until_due(schedule)
    diary.start_due()
    late = diary.project(env="prod")
    diary.wait_until_due(schedule)

    diary.start_due()

    assert [backup.project_id for backup in diary.backups()].count(late.id) == 1


def test_of_a_tag_only_the_project_that_still_runs_is_skipped(diary: Diary) -> None:
    slow, quick = diary.project(env="prod"), diary.project(env="prod")
    schedule = diary.schedule(project_tag=PROD)
    diary.wait_until_due(schedule)
    diary.start_due()
    diary.finish(next(b for b in diary.backups() if b.project_id == quick.id))
    diary.wait_until_due(schedule)

    diary.start_due()

    ids = [backup.project_id for backup in diary.backups()]
    assert (ids.count(slow.id), ids.count(quick.id)) == (1, 2)


def test_a_tag_that_no_project_has_is_told_as_missed(diary: Diary) -> None:
    schedule = diary.schedule(project_tag=PROD)
    diary.wait_until_due(schedule)

    diary.start_due()

    (notice,) = diary.notices("backup.missed")
    assert notice.body["message"] == "no project carries its tag"


def test_a_run_whose_options_cannot_be_any_more_is_told_as_missed(diary: Diary) -> None:
    schedule = diary.schedule()
    stored = diary.again(schedule)
    unknown = stored.model_copy(update={"options": BackupOptions(engine="other")})
    diary.services.ledger.apply(type(stored), stored.id, lambda _: [Replace(unknown)])
    diary.wait_until_due(schedule)

    diary.start_due()

    (notice,) = diary.notices("backup.missed")
    assert (notice.body["message"], diary.backups()) == ("engine other is not available yet", [])


def test_the_alarm_follows_to_the_next_run(diary: Diary) -> None:
    schedule = diary.schedule()
    diary.wait_until_due(schedule)

    diary.start_due()

    assert diary.scheduler.get(schedule.id).expression == "at(2026-03-01T14:00:00)"


def test_an_alarm_that_cannot_be_set_is_a_problem_and_no_run_is_lost(diary: Diary) -> None:
    schedules = [diary.schedule(), diary.schedule()]
    diary.wait_until_due(schedules[0])
    diary.scheduler.broken = True

    report = diary.start_due()

    assert (len(report.problems), len(diary.backups())) == (2, 2)


def test_jitter_delays_runs_and_not_their_instants(diary: Diary) -> None:
    schedule = diary.schedule(jitter_s=600)
    upcoming = diary.again(schedule).next
    assert upcoming is not None
    diary.wait(hours=1)
    early = diary.start_due()
    diary.wait_until_due(schedule)

    diary.start_due()

    assert upcoming.expected_at < upcoming.due_at <= upcoming.expected_at + timedelta(minutes=10)
    assert (early.runs, times(diary)) == ({}, hours(1))
