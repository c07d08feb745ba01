"""Supabase projects by their pages: added by whatever is pasted, changed, keys never shown."""

from __future__ import annotations

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Component, Status
from chalicelib.domain.job import Job
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.record import Query, Replace
from chalicelib.domain.supabase import StorageAccess
from tests.dashboard.conftest import Browser

PAGE = "/dashboard/projects/supabase"
REF = "abcdefghijklmnopqrst"
KEYS = {"password": "s3cret-1", "access_token": "sbp_s3cret2", "storage_key": "s3cret-3"}
ALL = {f"take.{one}": "true" for one in Component}


def _all(services: Services) -> tuple[Project, ...]:
    return services.projects.find(Query(Project)).items


@pytest.fixture
def supabase(services: Services, browser: Browser) -> Project:
    browser.post(PAGE, url=REF, **KEYS, **ALL)
    (made,) = _all(services)
    return made


@pytest.mark.parametrize(
    "pasted",
    [
        REF,
        f"https://supabase.com/dashboard/project/{REF}/settings",
        f"postgresql://postgres:[YOUR-PASSWORD]@db.{REF}.supabase.co:5432/postgres",
        f"postgresql://postgres.{REF}:x@aws-0-eu-west-1.pooler.supabase.com:5432/postgres",
    ],
)
def test_whatever_names_the_project_adds_it(
    services: Services, browser: Browser, pasted: str
) -> None:
    browser.post(PAGE, url=pasted, **KEYS)

    (project,) = _all(services)
    assert project.supabase is not None
    assert (project.project_kind, project.supabase.ref) == (ProjectKind.SUPABASE, REF)
    assert project.supabase.components == tuple(Component)


def test_it_is_tried_at_once_and_its_keys_go_to_the_secrets(
    services: Services, browser: Browser, supabase: Project
) -> None:
    (job,) = services.ledger.catalog.find(Query(Job)).items
    kept = [services.adapters.secrets.get(name) for name in supabase.secret_names]

    seen = browser.see(f"/dashboard/projects/{supabase.id}/tests/{job.id}")

    assert kept == list(KEYS.values())
    assert REF in seen
    assert not any(key in seen for key in KEYS.values())


def test_every_component_is_told_with_why_it_cannot_be_taken(
    services: Services, browser: Browser, supabase: Project
) -> None:
    (job,) = services.ledger.catalog.find(Query(Job)).items
    found: dict[str, dict[str, object]] = {
        one.value: {"can_be_taken": True, "why_not": None} for one in Component
    }
    found["storage"] = {"can_be_taken": False, "why_not": "no <key> for Storage"}
    report = {"server_version": "17.4", "user": "postgres", "tls": True}
    told = {"problems": [], "warnings": [], "supabase": {"components": found}}
    ended = {"status": Status.COMPLETED, "result": report | told}
    services.ledger.catalog.commit([Replace(job.model_copy(update=ended))])

    seen = browser.see(f"/dashboard/projects/{supabase.id}/tests/{job.id}")

    assert seen.count("can be taken") == len(Component) - 1
    assert "no &lt;key&gt; for Storage" in seen


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "url"),
        ({"url": "mysql://nowhere"}, "url"),
        ({"url": f"postgresql://u:p@db.{REF}.supabase.co:6543/postgres"}, "url"),
        ({"url": REF, "access_token": "line\nbreak"}, "access_token"),
        ({"url": REF, "take.everything": "true"}, "components.0"),
        ({"url": REF, "tags": "nonsense"}, "tags"),
    ],
)
def test_a_mistake_is_told_and_no_key_is_sent_back(
    services: Services, browser: Browser, fields: dict[str, str], wrong: str
) -> None:
    answer = browser.post(PAGE, name="kept", **(KEYS | fields))

    assert answer.status_code == 422
    assert 'value="kept"' in answer.text
    assert 'class="wrong"' in answer.text
    assert "s3cret" not in answer.text
    assert (f'id="{wrong}-wrong"' in answer.text) is (wrong != "components.0")
    assert _all(services) == ()


def test_a_change_keeps_the_keys_that_were_left_empty(
    services: Services, browser: Browser, supabase: Project
) -> None:
    fields = {"take.database": "true", "take.roles": "true", "optional.roles": "true"}

    browser.post(
        f"/dashboard/projects/{supabase.id}/supabase",
        name="renamed",
        storage_key="s3cret-4",
        storage_access="s3",
        **fields,
    )

    changed = services.projects.get(supabase.id)
    assert changed.supabase is not None
    assert changed.name == "renamed"
    assert changed.supabase.components == (Component.DATABASE, Component.ROLES)
    assert changed.supabase.optional == (Component.ROLES,)
    assert changed.supabase.storage_access is StorageAccess.S3
    kept = [services.adapters.secrets.get(name) for name in supabase.secret_names]
    assert kept == ["s3cret-1", "sbp_s3cret2", "s3cret-4"]


def test_a_password_beside_a_url_is_refused_where_it_stands(
    browser: Browser, supabase: Project
) -> None:
    path = f"/dashboard/projects/{supabase.id}/supabase"

    answer = browser.post(path, name="x", url=REF, password="s3cret-9")

    assert answer.status_code == 422
    assert 'id="password-wrong"' in answer.text


def test_the_page_of_the_project_leads_to_its_own_editor(
    browser: Browser, supabase: Project, project: Project
) -> None:
    seen = browser.see(f"/dashboard/projects/{supabase.id}")

    assert f"/dashboard/projects/{supabase.id}/supabase" in seen
    assert "database, roles, auth, storage, functions, config" in seen
    browser.see(f"/dashboard/projects/{project.id}/supabase", status=404)
