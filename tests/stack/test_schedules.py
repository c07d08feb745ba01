"""Schedules over both sets of adapters: had once by whoever looks, with alarms where there are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from chalicelib.adapters.system import UlidIds
from chalicelib.bootstrap.services import Services
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.schedule import Schedule
from chalicelib.services.backups import BackupFilter
from chalicelib.services.projects import NewProject
from chalicelib.services.schedules import NewSchedule, ScheduleChanges
from tests.support.stack import AWS, Stack
from tests.support.world import TurnedClock


def turned(stack: Stack, clock: TurnedClock) -> Services:
    """Return the same service with a clock to turn."""
    adapters = replace(stack.services.adapters, clock=clock, ids=UlidIds(clock))
    return Services(stack.services.settings, adapters)


def scheduled(services: Services) -> Schedule:
    connection = Connection(Endpoint(host="db.example.org", database="app"), "s3cret-of-app")
    project = services.projects.create("test", NewProject("shop", connection, {}))
    return services.schedules.create("test", NewSchedule("often", "hourly", project.id))


def alarm(services: Services, schedule: Schedule) -> tuple[str, str] | None:
    """Return when the alarm outside goes off and what it names; None where there is none."""
    scheduler = services.adapters.scheduler
    if scheduler is None or schedule.id not in set(scheduler.names()):
        return None
    entry = scheduler.get(schedule.id)
    return entry.expression, json.loads(entry.input_json)["expected_at"]


def test_of_several_who_look_at_once_one_starts_each_run(stack: Stack) -> None:
    clock = TurnedClock()
    services = turned(stack, clock)
    schedules = [scheduled(services) for _ in range(3)]
    clock.turn(timedelta(hours=1))

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: services.due_runs.start_due(), range(4)))

    backups = services.backups.find(BackupFilter(), limit=50, before_id=None).items
    assert sorted(b.schedule_id or "" for b in backups) == sorted(s.id for s in schedules)
    assert sum(report.runs.total() for report in reports) == 3
    assert [problem for report in reports for problem in report.problems] == []


def test_the_alarm_outside_follows_the_calendar(stack: Stack) -> None:
    clock = TurnedClock()
    services = turned(stack, clock)
    schedule = scheduled(services)
    before = alarm(services, schedule)
    clock.turn(timedelta(hours=1))

    services.due_runs.fire(schedule.id, clock.now())

    after = alarm(services, schedule)
    is_aws = stack.name == AWS
    assert before == (("at(2026-03-01T13:00:00)", "2026-03-01T13:00:00+00:00") if is_aws else None)
    assert after == (("at(2026-03-01T14:00:00)", "2026-03-01T14:00:00+00:00") if is_aws else None)


def test_what_is_disabled_or_deleted_has_no_alarm_outside(stack: Stack) -> None:
    services = turned(stack, TurnedClock())
    disabled, deleted = scheduled(services), scheduled(services)

    services.schedules.update("test", disabled.id, ScheduleChanges(enabled=False))
    services.schedules.delete("test", deleted.id)

    assert [alarm(services, schedule) for schedule in (disabled, deleted)] == [None, None]
