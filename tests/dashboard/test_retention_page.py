"""The page of retention: what it shows, saves and refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.project import Project
from chalicelib.domain.record import id_floor
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

Stored = Callable[..., None]


@pytest.fixture
def stored(services: Services, project: Project) -> Stored:
    """Store verified backups of so many days, one a day."""

    def make(days: int, **fields: object) -> None:
        for age in range(days):
            at = services.ledger.clock.now() - timedelta(days=age)
            same = {"id": id_floor(at), "created_at": at, "validated": True}
            stored_backup(services, project, b"PGDMP", **(same | fields))

    return make


def _path(project: Project) -> str:
    return f"/dashboard/projects/{project.id}/retention"


def test_without_rules_everything_stays(browser: Browser, project: Project, stored: Stored) -> None:
    stored(3)

    assert "Everything stays" in browser.see(_path(project))


def test_looking_draws_what_would_stay_and_saves_nothing(
    services: Services, browser: Browser, project: Project, stored: Stored
) -> None:
    stored(10)

    seen = browser.post(_path(project), keep_last="4", look="true").text

    assert "Of 10 backups 4 stay and 6 go." in seen
    assert "which are not saved yet" in seen
    assert services.projects.get(project.id).retention is None


def test_rules_are_saved_and_taken_away_again(
    services: Services, browser: Browser, project: Project
) -> None:
    browser.post(_path(project), keep_last="4", budget_gb="1.5")
    saved = services.projects.get(project.id).retention
    browser.post(_path(project), keep_last="")

    assert saved == RetentionPolicy(keep_last=4, size_budget_bytes=1_500_000_000)
    assert services.projects.get(project.id).retention is None


def test_the_rules_of_a_schedule_are_its_own(
    services: Services, browser: Browser, project: Project
) -> None:
    new = NewSchedule("nightly", "daily", project_id=project.id)
    schedule = services.schedules.create("test", new)

    answer = browser.post(_path(project), schedule=schedule.id, daily="9")

    assert services.schedules.get(schedule.id).retention == RetentionPolicy(daily=9)
    assert services.projects.get(project.id).retention is None
    assert f"schedule={schedule.id}" in answer.headers["location"]


def test_a_schedule_of_another_project_is_not_found(
    services: Services, browser: Browser, make_project: Callable[..., Project]
) -> None:
    mine, other = make_project("mine"), make_project("other")
    schedule = services.schedules.create("test", NewSchedule("x", "daily", project_id=other.id))

    browser.see(f"{_path(mine)}?schedule={schedule.id}", status=404)


def test_frozen_retention_says_why_and_is_thawed_by_a_persons_word(
    services: Services, browser: Browser, project: Project, stored: Stored
) -> None:
    stored(5, stored_bytes=1_000_000)
    now = services.ledger.clock.now()
    stored_backup(services, project, id=id_floor(now + timedelta(1)), validated=True)
    changes = ProjectChanges(retention=RetentionPolicy(keep_last=2))
    services.projects.update("test", project.id, changes)

    frozen = browser.see(_path(project))
    browser.post(f"{_path(project)}/accept")

    assert "Nothing is removed for now" in frozen
    assert "Nothing is removed for now" not in browser.see(_path(project))


@pytest.mark.parametrize(
    ("field", "value"), [("daily", "0"), ("keep_days", "x"), ("budget_gb", "0"), ("yearly", "1.5")]
)
def test_a_number_that_cannot_be_stands_beside_its_field(
    services: Services, browser: Browser, project: Project, field: str, value: str
) -> None:
    answer = browser.post(_path(project), keep_last="7", **{field: value})

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert f'value="{value}"' in answer.text
    assert services.projects.get(project.id).retention is None
