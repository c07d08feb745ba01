"""The editor of schedules: what it makes, what it says, what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import ProjectTag, Schedule
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser

MAKE = "/dashboard/backups/scheduled"
LOOK = "/dashboard/schedules/look"


@pytest.fixture
def schedule(services: Services, project: Project) -> Schedule:
    new = NewSchedule(
        "nightly",
        "30 2 * * *",
        project_id=project.id,
        timezone="Europe/Berlin",
        retention=RetentionPolicy(keep_last=7, keep_failed_days=90),
    )
    return services.schedules.create("test", new)


def _only(services: Services) -> Schedule:
    (found,) = services.schedules.find(Query(Schedule)).items
    return found


@pytest.mark.parametrize(
    ("chosen", "cron"),
    [
        ({"every": "hour", "at": "00:07"}, "7 * * * *"),
        ({"every": "day", "at": "23:59"}, "59 23 * * *"),
        ({"every": "workday", "at": "06:30"}, "30 6 * * 1-5"),
        ({"every": "week", "at": "03:00", "weekday": "6"}, "0 3 * * 6"),
        ({"every": "month", "at": "03:00", "day": "L"}, "0 3 L * *"),
        ({"every": "cron", "cron": "*/15 * * * *"}, "*/15 * * * *"),
    ],
)
def test_a_rhythm_is_chosen_without_knowing_cron(
    services: Services, browser: Browser, project: Project, chosen: dict[str, str], cron: str
) -> None:
    answer = browser.post(MAKE, project=project.id, **chosen)

    made = _only(services)
    assert made.cron == cron
    assert answer.headers["location"] == f"/dashboard/schedules/{made.id}?notice=saved"


def test_the_editor_shows_a_schedule_as_it_is(browser: Browser, schedule: Schedule) -> None:
    seen = browser.see(f"/dashboard/schedules/{schedule.id}/edit")

    assert '<option value="day" selected>' in seen
    assert 'value="02:30"' in seen
    assert 'name="keep_last" type="number" min="1" max="10000" value="7"' in seen
    assert "At 02:30 every day." in seen


def test_a_change_keeps_what_the_form_does_not_show(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    path = f"/dashboard/schedules/{schedule.id}/edit"

    browser.post(path, name="later", every="day", at="04:00", timezone="Asia/Tokyo", daily="5")

    changed = _only(services)
    assert (changed.name, changed.cron, changed.timezone) == ("later", "0 4 * * *", "Asia/Tokyo")
    assert changed.retention == RetentionPolicy(daily=5, keep_failed_days=90)


def test_emptied_rules_give_way_to_those_of_the_project(
    services: Services, browser: Browser, schedule: Schedule
) -> None:
    browser.post(f"/dashboard/schedules/{schedule.id}/edit", every="day", keep_last="")

    assert _only(services).retention is None


def test_looking_saves_nothing_and_keeps_what_was_typed(
    services: Services, browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "name": "typed", "every": "week", "at": "05:05"}

    answer = browser.post(MAKE, look="true", keep_last="3", **fields)

    assert answer.status_code == 200
    assert "At 05:05 on Sunday." in answer.text
    assert "Drawn as if this schedule had run all along" in answer.text
    assert 'value="typed"' in answer.text
    assert services.schedules.find(Query(Schedule)).items == ()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("every=day&at=02:30&timezone=Europe/Berlin", "puts its clocks"),
        ("every=day&at=02:30&daily=7", "one a day"),
        ("cron=61+*+*+*+*", "cron expression is not understood"),
        ("every=day&timezone=Mars/Base", "no such time zone"),
        ("every=day&at=25:00", "at: write hours and minutes, as 02:30"),
        ("every=day&keep_last=x", "keep_last: input should be a valid integer"),
        ("", "cron expression is not understood"),
    ],
)
def test_the_look_answers_whatever_is_typed(browser: Browser, query: str, said: str) -> None:
    seen = browser.see(f"{LOOK}?{query}")

    assert said in seen
    assert "<html" not in seen


def test_all_projects_with_a_tag_are_scheduled_at_once(
    services: Services, browser: Browser, project: Project
) -> None:
    browser.post(MAKE, tag="env=prod", every="day")

    assert _only(services).project_tag == ProjectTag(name="env", value="prod")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "project"),
        ({"tag": "env=prod", "project": "01JD0000000000000000000000"}, "project"),
        ({"tag": "nonsense"}, "tag"),
        ({"tag": "a=1\nb=2"}, "tag"),
        ({"tag": "=1"}, "tag"),
        ({"tag": "a=1", "at": "26:00"}, "at"),
        ({"tag": "a=1", "jitter_min": "9999"}, "jitter_min"),
        ({"tag": "a=1", "budget_gb": "-1"}, "budget_gb"),
        ({"tag": "a=1", "timezone": "Nowhere"}, "timezone"),
        ({"tag": "a=1", "tags": "nonsense"}, "tags"),
    ],
)
def test_a_mistake_stands_beside_its_field(
    services: Services, browser: Browser, project: Project, fields: dict[str, str], wrong: str
) -> None:
    answer = browser.post(MAKE, every="day", name="kept", **fields)

    assert answer.status_code == 422
    assert f'id="{wrong}-wrong"' in answer.text
    assert 'value="kept"' in answer.text


def test_a_project_out_of_sight_cannot_be_scheduled(
    services: Services, browser_for: Callable[..., Browser], make_project: Callable[..., Project]
) -> None:
    hidden = make_project("hidden")
    limited = browser_for(Role.ADMIN, (make_project("mine").id,))

    named = limited.post(MAKE, project=hidden.id, every="day")
    tagged = limited.post(MAKE, tag="a=1", every="day")

    assert (named.status_code, tagged.status_code) == (404, 422)
    assert "tag-wrong" not in named.text
    assert services.schedules.find(Query(Schedule)).items == ()


def test_a_viewer_sees_a_schedule_without_buttons(
    browser_for: Callable[..., Browser], schedule: Schedule
) -> None:
    seen = browser_for(Role.VIEWER).see(f"/dashboard/schedules/{schedule.id}")

    assert "At 02:30 every day." in seen
    assert seen.count('<form method="post"') == 1


def test_both_clocks_are_shown_and_ones_own_can_be_chosen(
    browser: Browser, schedule: Schedule
) -> None:
    browser.post("/dashboard/settings/zone", zone="Asia/Tokyo")

    seen = browser.see(MAKE)

    assert 'data-zone="Asia/Tokyo"' in seen
    assert " JST</time>" in seen
    assert "02:30 CE" in seen


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "Europe/Berlin; Path=/x"])
def test_a_zone_that_is_none_is_refused_and_never_believed(browser: Browser, zone: str) -> None:
    answer = browser.post("/dashboard/settings/zone", zone=zone)
    seen = browser.http.get("/dashboard/settings", headers={"Cookie": f"holdfast_zone={zone}"})

    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
    assert "data-zone" not in seen.text
