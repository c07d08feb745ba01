"""The way to the first proven backup, and which step comes next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status, Verification, VerificationLevel
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

PAGE = "/dashboard/first-run"
REACHED: dict[str, object] = {"server_version": "18.6", "problems": []}
HIDDEN: dict[str, object] = {
    "server_version": "18.6",
    "problems": ["the role may not read public.orders"],
}


def _tested(services: Services, project: Project, result: dict[str, object]) -> None:
    job = services.jobs.request("test", JobKind.TEST, project.id, JobArguments())
    ended = job.model_copy(update={"status": Status.COMPLETED, "result": result})
    services.ledger.catalog.commit([Replace(ended)])


def _verified(services: Services, level: VerificationLevel) -> Verification:
    now = services.ledger.clock.now()
    return Verification(level=level, at=now, by="pg_restore", report="all is equal")


def _step(seen: str) -> int:
    return seen.partition('aria-current="step"')[0].count("<h2>") + 1


def test_an_empty_service_opens_with_the_first_step(browser: Browser) -> None:
    assert _step(browser.see("/")) == 1
    assert 'href="/dashboard/projects/new"' in browser.see("/")


def test_a_new_project_is_to_be_tried(browser: Browser, project: Project) -> None:
    assert _step(browser.see(PAGE)) == 2


def test_what_keeps_a_backup_from_working_is_said(
    services: Services, browser: Browser, project: Project
) -> None:
    _tested(services, project, HIDDEN)

    seen = browser.see(PAGE)

    assert _step(seen) == 2
    assert "may not read public.orders" in seen


def test_the_first_backup_is_asked_for_with_its_proof(
    services: Services, browser: Browser, project: Project
) -> None:
    _tested(services, project, REACHED)
    seen = browser.see(PAGE)
    request = seen.partition('name="request" value="')[2][:26]

    browser.post(
        "/dashboard/backups/manual", request=request, project=project.id, verification="proof"
    )

    (backup,) = services.ledger.catalog.find(Query(Backup)).items
    assert _step(seen) == 3
    assert backup.options.verification == "proof"
    assert "<backup-progress" in browser.see(PAGE)


@pytest.mark.parametrize(
    ("level", "said"),
    [(VerificationLevel.ARCHIVE, "Prove it"), (VerificationLevel.PROOF, "What comes next")],
)
def test_after_the_backup_comes_the_proof(
    services: Services, browser: Browser, project: Project, level: VerificationLevel, said: str
) -> None:
    stored_backup(services, project, validated=True, verification=_verified(services, level))

    assert said in browser.see(PAGE)


def test_a_failed_backup_is_told_and_asked_for_again(
    services: Services, browser: Browser, project: Project
) -> None:
    error = ErrorInfo(code="dump_failed", message="it <broke>", hint="Mend it.")
    stored_backup(services, project, status=Status.FAILED, error=error)

    seen = browser.see(PAGE)

    assert "it &lt;broke&gt;" in seen
    assert "Back up and prove it" in seen


def test_a_viewer_is_shown_the_way_without_buttons(
    browser_for: Callable[..., Browser], project: Project
) -> None:
    seen = browser_for(Role.VIEWER).see(PAGE)

    assert _step(seen) == 2
    assert seen.count("<form") == 1


def test_a_test_that_runs_is_not_called_done(
    services: Services, browser: Browser, project: Project
) -> None:
    job = services.jobs.request("test", JobKind.TEST, project.id, JobArguments())

    assert services.ledger.catalog.get(Job, job.id).status is Status.PENDING
    assert "A worker is trying it" in browser.see(PAGE)
