"""Schedules and the audit log, as their pages show and make them."""

from __future__ import annotations

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser

PAGE = "/dashboard/backups/scheduled"


def _all(services: Services) -> tuple[Schedule, ...]:
    return services.schedules.find(Query(Schedule)).items


@pytest.fixture
def schedule(services: Services, project: Project) -> Schedule:
    new = NewSchedule("nightly", "30 2 * * *", project_id=project.id)
    return services.schedules.create("test", new)


def test_a_schedule_is_made_and_shown_with_its_next_runs(
    services: Services, browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "cron": "30 2 * * *", "timezone": "Europe/Berlin"}

    browser.post(PAGE, **fields, keep_last="7")

    (made,) = _all(services)
    assert made.retention is not None
    assert (made.name, made.timezone, made.retention.keep_last) == (
        "30 2 * * *",
        "Europe/Berlin",
        7,
    )
    assert browser.see(PAGE).count("<time datetime=") == 3


@pytest.mark.parametrize(
    ("field", "value"), [("cron", "61 * * * *"), ("timezone", "Mars/Base"), ("keep_last", "0")]
)
def test_what_cannot_be_stands_beside_its_field(
    services: Services, browser: Browser, project: Project, field: str, value: str
) -> None:
    fields = {"project": project.id, "cron": "daily", "name": "kept", field: value}

    answer = browser.post(PAGE, **fields)

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert 'value="kept"' in answer.text
    assert _all(services) == ()


def test_a_schedule_is_paused_and_resumed(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    browser.post(f"/dashboard/schedules/{schedule.id}/pause", enabled="false")
    paused = services.schedules.get(schedule.id)
    browser.post(f"/dashboard/schedules/{schedule.id}/pause", enabled="true")

    assert (paused.enabled, paused.next) == (False, None)
    assert services.schedules.get(schedule.id).next is not None


def test_running_it_now_leads_to_its_backup(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    answer = browser.post(f"/dashboard/schedules/{schedule.id}/run")

    (backup,) = services.ledger.catalog.find(Query(Backup)).items
    assert backup.schedule_id == schedule.id
    assert answer.headers["location"] == f"/dashboard/backups/{backup.id}?notice=started"


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_a_run_is_shown_with_the_end_of_its_backup(
    services: Services, browser: Browser, schedule: Schedule, status: Status
) -> None:
    (backup,) = services.schedules.run_now("test", schedule)
    ended = Replace(backup.model_copy(update={"status": status}))
    services.ledger.catalog.commit([ended])

    assert f'<i class="{status.value}"></i>' in browser.see(PAGE)
    assert f">{status.value}</a>" in browser.see(f"/dashboard/schedules/{schedule.id}")


def test_missed_runs_are_counted_where_they_are_listed(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    assert schedule.next is not None
    (run,) = services.ledger.catalog.find(Query(ExpectedRun)).items
    missed = run.model_copy(update={"state": RunState.MISSED, "missed_count": 3})
    services.ledger.catalog.commit([Replace(missed)])

    assert "3 missed" in browser.see(PAGE)


def test_a_deleted_schedule_leaves_the_page(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    browser.post(f"/dashboard/schedules/{schedule.id}/delete")

    assert _all(services) == ()
    assert "Nothing runs by itself yet" in browser.see(PAGE)


def test_the_audit_page_tells_who_changed_what(browser: Browser, project: Project) -> None:
    browser.post("/dashboard/keys", name="pipeline")

    seen = browser.see("/dashboard/audit?what=key.created&who=")

    assert "pipeline" in seen
    assert "project.created" not in seen
