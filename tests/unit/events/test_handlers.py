"""The functions that events call: alarms, rules of other people, the sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.backup import Compression, Trigger
from chalicelib.domain.errors import (
    Conflict,
    Internal,
    InvalidRequest,
    NotFound,
    StorageFailed,
)
from chalicelib.events.event_backup import start_for_event
from chalicelib.events.scheduled_backup import start_scheduled
from chalicelib.events.sweep import sweep
from tests.support.scheduling import Diary, build_diary


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return build_diary(tmp_path)


def alarm(diary: Diary) -> dict[str, Any]:
    """Return what the one alarm that is set gives to its function."""
    (entry,) = diary.scheduler.entries.values()
    given: dict[str, Any] = json.loads(entry.input_json)
    return given


def event(project_id: str, **detail: object) -> dict[str, object]:
    return {
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "batch done",
        "source": "com.example.batch",
        "detail": {"project_id": project_id, **detail},
    }


def test_an_alarm_starts_its_run(diary: Diary) -> None:
    schedule = diary.schedule()
    given = alarm(diary)
    diary.wait(hours=1)

    answer = start_scheduled(diary.services, given)

    assert answer == {"started": 1}
    assert [backup.schedule_id for backup in diary.backups()] == [schedule.id]


def test_an_alarm_that_comes_again_starts_nothing(diary: Diary) -> None:
    diary.schedule()
    given = alarm(diary)
    diary.wait(hours=1)
    start_scheduled(diary.services, given)

    assert start_scheduled(diary.services, given) == {}


def test_an_alarm_whose_run_met_a_failure_is_to_come_again(diary: Diary) -> None:
    diary.schedule()
    given = alarm(diary)
    diary.wait(hours=1)
    diary.scheduler.broken = True

    with pytest.raises(StorageFailed, match="does not answer"):
        start_scheduled(diary.services, given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"schedule_id": "s"},
        {"schedule_id": 1, "expected_at": "2026-03-01T13:00:00Z"},
        {"schedule_id": "s", "expected_at": "2026-03-01T13:00:00"},
        {"schedule_id": "s", "expected_at": "2026-03-01T13:00:00Z", "more": 1},
    ],
)
def test_what_is_no_alarm_is_refused(diary: Diary, given: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        start_scheduled(diary.services, given)


def test_an_event_makes_the_backup_it_asks_for(diary: Diary) -> None:
    project = diary.project()
    asked = event(
        project.id, options={"compression": "zstd"}, tags={"a": "b"}, trigger="pre-migration"
    )

    answer = start_for_event(diary.services, asked)

    (backup,) = diary.backups()
    assert answer == {"backup_id": backup.id}
    assert (backup.options.compression, backup.tags) == (Compression.ZSTD, {"a": "b"})
    assert (backup.trigger, backup.requested_by) == (Trigger.PRE_MIGRATION, "event")


def test_an_event_that_comes_twice_makes_one_backup(diary: Diary) -> None:
    asked = event(diary.project().id)

    answers = [start_for_event(diary.services, asked) for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(diary.backups()) == 1


def test_an_event_under_the_id_of_another_is_a_conflict(diary: Diary) -> None:
    project = diary.project()
    start_for_event(diary.services, event(project.id))

    with pytest.raises(Conflict):
        start_for_event(diary.services, event(project.id, name="another"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"id": ""}, InvalidRequest),
        ({"id": None}, InvalidRequest),
        ({"detail": None}, InvalidRequest),
        ({"detail": []}, InvalidRequest),
        ({"detail": {}}, InvalidRequest),
        ({"detail": {"project_id": "p", "more": 1}}, InvalidRequest),
        ({"detail": {"project_id": "p", "options": {"type": "some"}}}, InvalidRequest),
        ({"detail": {"project_id": "nowhere"}}, NotFound),
    ],
)
def test_an_event_that_cannot_be_ends_in_its_error(
    diary: Diary, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start_for_event(diary.services, {**event("p"), **changes})

    assert diary.backups() == []


def test_a_sweep_says_what_it_did(diary: Diary) -> None:
    diary.schedule()
    diary.wait(hours=1)

    assert sweep(diary.services)["scheduled"] == 1


def test_a_sweep_that_met_a_problem_fails(diary: Diary) -> None:
    diary.schedule()
    diary.wait(hours=1)
    diary.scheduler.broken = True

    with pytest.raises(Internal, match="does not answer"):
        sweep(diary.services)
