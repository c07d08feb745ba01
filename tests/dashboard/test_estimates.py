"""The form of a backup: an estimate first, components, and the download at the end."""

from __future__ import annotations

import re

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import BackupType, Component, Status
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

REQUEST = "01JD0000000000000000000000"
FORM = "/dashboard/backups/manual"
RESULT = {
    "tables": 2, "table_bytes": 5_000_000, "large_objects": 0, "database_bytes": 8_000_000,
    "locks": [], "transactions": [], "expected": {"seconds": 65.0, "basis": "the one run like it"},
}  # fmt: skip


def _ended(services: Services, **fields: object) -> Job:
    (job,) = services.ledger.catalog.find(Query(Job)).items
    ended = job.model_copy(update={"status": Status.COMPLETED, **fields})
    services.ledger.catalog.commit([Replace(ended)])
    return ended


def test_an_estimate_is_a_job_and_keeps_what_was_typed(
    services: Services, browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "request": REQUEST, "type": "schema", "description": "kept"}

    answer = browser.post(f"{FORM}/estimate", **fields, components="roles", download="true")

    (job,) = services.ledger.catalog.find(Query(Job)).items
    assert job.arguments.options is not None
    assert (job.job_kind, job.arguments.options.type) == (JobKind.ESTIMATE, BackupType.SCHEMA)
    assert job.arguments.options.components == (Component.DATABASE, Component.ROLES)
    assert "A worker is looking" in answer.text
    assert "kept</textarea>" in answer.text
    assert re.search(r'name="download" value="true" checked', answer.text)


def test_looking_again_shows_time_size_and_egress(
    services: Services, browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "request": REQUEST}
    stored_backup(services, project, b"x" * 2000, duration_s=65.0)
    browser.post(f"{FORM}/estimate", **fields)
    job = _ended(services, result=RESULT)

    seen = browser.post(f"{FORM}/look", **fields, estimate=job.id).text

    assert "about 1 min 5 s" in seen
    assert "about 5.0 MB" in seen
    assert "about 2.0 kB" in seen


def test_an_estimate_that_failed_says_why(
    services: Services, browser: Browser, project: Project
) -> None:
    browser.post(f"{FORM}/estimate", project=project.id, request=REQUEST)
    error = ErrorInfo(code="source_unreachable", message="the server did not answer", hint="Look.")
    job = _ended(services, status=Status.FAILED, error=error)

    seen = browser.see(f"{FORM}/estimates/{job.id}")

    assert "the server did not answer." in seen
    assert 'data-state="ended"' in seen


def test_a_job_of_another_kind_is_no_estimate(
    services: Services, browser: Browser, project: Project
) -> None:
    job = services.jobs.request("test", JobKind.TEST, project.id, JobArguments())

    browser.see(f"{FORM}/estimates/{job.id}", status=404)


@pytest.mark.parametrize("path", [FORM, f"{FORM}/estimate"])
def test_a_component_that_the_project_has_not_stands_beside_its_field(
    services: Services, browser: Browser, project: Project, path: str
) -> None:
    answer = browser.post(path, project=project.id, request=REQUEST, components="storage")

    assert answer.status_code == 422
    assert 'id="components-wrong"' in answer.text
    assert services.ledger.catalog.find(Query(Job)).items == ()


def test_a_component_that_is_ticked_stays_ticked(browser: Browser, project: Project) -> None:
    fields = {"project": project.id, "request": REQUEST, "components": "roles", "tags": "wrong"}

    seen = browser.post(FORM, **fields).text

    assert re.search(r'value="roles" checked', seen)
    assert not re.search(r'value="database" checked', seen)


def test_a_download_that_was_asked_for_is_remembered_by_the_page(
    browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "request": REQUEST, "download": "true"}

    answer = browser.post(FORM, **fields)

    assert "?download=true&notice=started" in answer.headers["location"]
    assert "The download begins when" in browser.see(answer.headers["location"])


def test_a_completed_backup_is_downloaded_at_once_only_where_asked_for(
    services: Services, browser: Browser, project: Project
) -> None:
    path = f"/dashboard/backups/{stored_backup(services, project).id}"

    asked, plain = browser.see(f"{path}?download=true"), browser.see(path)

    assert "auto-download.js" in asked
    assert "data-at-once" in asked
    assert "data-at-once" not in plain
