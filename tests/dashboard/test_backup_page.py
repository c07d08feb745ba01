"""The page of one backup: its way, its texts, who did what, and to whom that is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Artefact, Backup, Checksum, Status
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from chalicelib.domain.restore import RestoreOptions
from chalicelib.services.restores import NewRestore
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup
from tests.support.steps import steps_from

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def backup(services: Services, project: Project) -> Backup:
    return stored_backup(services, project)


def _with_report(services: Services, backup: Backup) -> None:
    report = Artefact(name="proof.txt", key="k", stored_bytes=9, checksum=Checksum(value="00"))
    changed = backup.model_copy(update={"artefacts": (*backup.artefacts, report)})
    services.ledger.catalog.commit([Replace(changed)])


def test_the_way_of_a_backup_says_when_each_step_began_and_how_long_it_took(
    services: Services, browser: Browser, project: Project
) -> None:
    way = steps_from(NOON, "prepare", "dump", "verify", "verify/proof", every_s=90)
    backup = stored_backup(
        services, project, steps=way, started_at=NOON, completed_at=NOON + timedelta(hours=1)
    )

    seen = browser.see(f"/dashboard/backups/{backup.id}")

    assert re.findall(r'class="done (?:step|phase)"><span>(.*?)</span>', seen) == [
        "looking at the server",
        "dumping",
        "reading it back",
        "proving it by a restore",
    ]
    assert re.findall(r'class="took">(.*?)<', seen)[1:3] == ["1 min 30 s", "57 min"]
    assert '<time data-clock datetime="2026-03-01T12:01:30+00:00"' in seen
    assert "12:01:30 UTC</time>" in seen


def test_the_page_of_a_restore_says_how_it_went(
    services: Services, browser: Browser, backup: Backup
) -> None:
    asked = services.restores.request(
        "test", NewRestore(backup.id, backup.project_id, RestoreOptions())
    )
    begun = asked.model_copy(update={"steps": steps_from(NOON, "prepare", "restore")})
    services.ledger.catalog.commit([Replace(begun)])

    seen = browser.see(f"/dashboard/restores/{asked.id}")

    assert "checking the manifest</span>" in seen
    assert "12:00:01 UTC</time>" in seen


def test_every_text_beside_a_backup_is_offered(
    services: Services, browser: Browser, backup: Backup
) -> None:
    _with_report(services, backup)

    seen = browser.see(f"/dashboard/backups/{backup.id}")

    for name in ("RECOVERY.md", "proof.txt", "manifest.json"):
        assert f'name="name" value="{name}"' in seen


def test_a_text_is_read_by_a_worker_and_shown(
    services: Services, browser: Browser, backup: Backup
) -> None:
    answer = browser.post(f"/dashboard/backups/{backup.id}/text", name="RECOVERY.md")
    (job,) = services.ledger.catalog.find(Query(Job)).items
    result = {"name": "RECOVERY.md", "text": "# How <b>", "stored_bytes": 9}
    ended = job.model_copy(update={"status": Status.COMPLETED, "result": result})
    services.ledger.catalog.commit([Replace(ended)])

    seen = browser.see(answer.headers["location"])

    assert (job.job_kind, job.arguments.artefact) == (JobKind.TEXT, "RECOVERY.md")
    assert "# How &lt;b&gt;</pre>" in seen


@pytest.mark.parametrize("name", ["database.dump", "../x", "proof.txt"])
def test_what_is_no_text_of_it_starts_nothing(
    services: Services, browser: Browser, backup: Backup, name: str
) -> None:
    answer = browser.post(f"/dashboard/backups/{backup.id}/text", name=name)

    assert answer.status_code == 404
    assert services.ledger.catalog.find(Query(Job)).items == ()


def test_a_single_file_can_be_downloaded(browser: Browser, backup: Backup) -> None:
    path = f"/dashboard/backups/{backup.id}/download"

    right = browser.post(path, artefact="database.dump")
    wrong = browser.post(path, artefact="nothing.dump")

    assert right.status_code == 303
    assert wrong.status_code == 422


def test_who_did_what_is_told_to_admins_only(
    services: Services, browser: Browser, browser_for: Callable[..., Browser], backup: Backup
) -> None:
    browser.post(f"/dashboard/backups/{backup.id}/lock", locked="true")
    path = f"/dashboard/backups/{backup.id}"

    assert "backup.updated" in browser.see(path)
    assert "backup.updated" not in browser_for(Role.OPERATOR).see(path)


@pytest.mark.parametrize("action", ["lock", "verify", "download", "cancel", "delete", "text"])
def test_an_action_on_a_backup_that_is_gone_is_told_kindly(
    services: Services, browser: Browser, backup: Backup, action: str
) -> None:
    services.backups.delete("test", backup.id)

    answer = browser.post(f"/dashboard/backups/{backup.id}/{action}")

    assert answer.status_code == 404
    assert "there is no such backup" in answer.text
