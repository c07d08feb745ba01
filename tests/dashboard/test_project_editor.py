"""Projects by their pages: added by URL or fields, changed, deleted with care."""

from __future__ import annotations

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.connection import SslMode
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

FIELDS = {"host": "db.example.org", "port": "6543", "database": "shop", "user": "me"}


def _all(services: Services) -> tuple[Project, ...]:
    return services.projects.find(Query(Project)).items


def test_a_project_is_added_by_fields(services: Services, browser: Browser) -> None:
    browser.post("/dashboard/projects", password="s3cret", sslmode="verify-full", **FIELDS)

    (project,) = _all(services)
    assert (project.endpoint.port, project.endpoint.sslmode) == (6543, SslMode.VERIFY_FULL)
    assert services.projects.connection(project.id).password == "s3cret"


def test_a_url_goes_before_the_fields(services: Services, browser: Browser) -> None:
    url = "postgresql://you:s3cret@other.example.org/shop"

    browser.post("/dashboard/projects", url=url, **FIELDS)

    (project,) = _all(services)
    assert (project.endpoint.host, project.endpoint.user) == ("other.example.org", "you")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "url"),
        ({"host": "a,b"}, "host"),
        ({"host": "db", "port": "70000"}, "port"),
        ({"host": "db", "sslmode": "maybe"}, "sslmode"),
        ({"host": "db", "verification": "never"}, "verification"),
        ({"host": "db", "password": "a\nb"}, "password"),
        ({"host": "db", "tags": "nonsense"}, "tags"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_no_password_is_sent_back(
    services: Services, browser: Browser, fields: dict[str, str], wrong: str
) -> None:
    given = {"user": "kept", "password": "s3cret"} | fields

    answer = browser.post("/dashboard/projects", **given)

    assert answer.status_code == 422
    assert f'id="{wrong}-wrong"' in answer.text
    assert 'value="kept"' in answer.text
    assert "s3cret" not in answer.text
    assert _all(services) == ()


def test_the_form_of_a_project_never_holds_its_password(browser: Browser, project: Project) -> None:
    seen = browser.see(f"/dashboard/projects/{project.id}/edit")

    assert 'value="db.example.org"' in seen
    assert "s3cret-of-shop" not in seen


def test_a_password_left_empty_stays(
    services: Services, browser: Browser, project: Project
) -> None:
    path = f"/dashboard/projects/{project.id}/edit"

    answer = browser.post(path, name="renamed", tags="env=prod", verification="proof")

    changed = services.projects.get(project.id)
    assert (changed.name, changed.tags, changed.endpoint) == (
        "renamed",
        {"env": "prod"},
        project.endpoint,
    )
    assert services.projects.connection(project.id).password == "s3cret-of-shop"
    assert answer.headers["location"].endswith("?notice=saved")


def test_a_root_certificate_left_empty_is_taken_away(
    services: Services, browser: Browser, project: Project
) -> None:
    path = f"/dashboard/projects/{project.id}/edit"
    browser.post(path, sslrootcert="system", **FIELDS)
    before = services.projects.get(project.id).endpoint.sslrootcert

    browser.post(path, sslrootcert="", **FIELDS)

    assert (before, services.projects.get(project.id).endpoint.sslrootcert) == ("system", None)


def test_another_way_there_is_tried_at_once(
    services: Services, browser: Browser, project: Project
) -> None:
    answer = browser.post(f"/dashboard/projects/{project.id}/edit", **(FIELDS | {"host": "new"}))

    (job,) = services.ledger.catalog.find(Query(Job)).items
    assert (job.job_kind, job.project_id) == (JobKind.TEST, project.id)
    assert answer.headers["location"].endswith(f"/tests/{job.id}")


@pytest.mark.parametrize(("confirm", "is_left"), [("shop", False), ("SHOP", True), ("", True)])
def test_a_project_is_deleted_only_by_its_name(
    services: Services, browser: Browser, project: Project, confirm: str, *, is_left: bool
) -> None:
    answer = browser.post(f"/dashboard/projects/{project.id}/delete", confirm=confirm)

    assert bool(_all(services)) is is_left
    assert ('id="confirm-wrong"' in answer.text) is is_left


def test_a_project_with_backups_is_not_deleted(
    services: Services, browser: Browser, project: Project
) -> None:
    stored_backup(services, project)

    answer = browser.post(f"/dashboard/projects/{project.id}/delete", confirm="shop")

    assert answer.status_code == 422
    assert "the project still has backups" in answer.text


def test_the_test_of_another_project_is_not_shown(
    services: Services, browser: Browser, project: Project
) -> None:
    browser.post("/dashboard/projects", **FIELDS)
    (job,) = services.ledger.catalog.find(Query(Job)).items

    browser.see(f"/dashboard/projects/{project.id}/tests/{job.id}", status=404)
    browser.see(f"/dashboard/projects/{job.project_id}/tests/{job.id}")


def test_each_form_has_an_account_with_a_password_of_its_own(browser: Browser) -> None:
    pages = {
        browser.see("/dashboard/projects/new").partition("PASSWORD &#39;")[2][:43] for _ in "ab"
    }

    assert len(pages) == 2


@pytest.mark.parametrize("url", ["postgresql://me@db.example.org/shop", "postgresql://me:x@db/d"])
def test_a_password_beside_a_url_goes_before_the_one_in_it(
    services: Services, browser: Browser, url: str
) -> None:
    browser.post("/dashboard/projects", url=url, password="s3cret")

    (project,) = _all(services)
    assert services.projects.connection(project.id).password == "s3cret"


def test_a_url_is_in_the_fields_when_something_else_was_wrong(browser: Browser) -> None:
    url = "postgresql://me:s3cret@db.example.org:5433/shop?sslmode=verify-full"

    answer = browser.post("/dashboard/projects", url=url, port="5432", tags="nonsense")

    assert answer.status_code == 422
    assert all(f'value="{part}"' in answer.text for part in ("me", "db.example.org", "5433"))
    assert '<option value="verify-full" selected>' in answer.text
    assert "Type passwords and keys once more" in answer.text
    assert "s3cret" not in answer.text


def test_a_hint_that_helps_stands_beside_the_field(browser: Browser) -> None:
    answer = browser.post("/dashboard/projects", url="db.example.org")

    assert "must begin with postgresql://. Write postgresql://user:password@" in answer.text


def test_a_root_certificate_of_two_lines_is_a_mistake(browser: Browser) -> None:
    answer = browser.post("/dashboard/projects", host="db", sslrootcert="a\nb")

    assert answer.status_code == 422
    assert 'id="sslrootcert-wrong"' in answer.text
