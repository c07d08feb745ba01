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
POOLER = "aws-0-eu-west-1.pooler.supabase.com"
POOLED = f"postgresql://postgres.{REF}:s3cret-0@{POOLER}:5432/postgres"
OPEN = POOLED.replace(":s3cret-0", "")
"""The same without its password, as pages show it."""


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
        POOLED,
    ],
)
def test_whatever_names_the_project_adds_it(
    services: Services, browser: Browser, pasted: str
) -> None:
    browser.post(PAGE, url=pasted, **KEYS, **ALL)

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
        ({"url": REF, "take.database": ""}, "components"),
    ],
)
def test_a_mistake_is_told_and_no_key_is_sent_back(
    services: Services, browser: Browser, fields: dict[str, str], wrong: str
) -> None:
    answer = browser.post(PAGE, name="kept", **(KEYS | {"take.database": "true"} | fields))

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


def test_what_may_be_missing_can_be_taken_back(
    services: Services, browser: Browser, supabase: Project
) -> None:
    path = f"/dashboard/projects/{supabase.id}/supabase"
    browser.post(path, name="x", **ALL, **{"optional.auth": "true"})

    browser.post(path, name="x", **ALL)

    changed = services.projects.get(supabase.id)
    assert changed.supabase is not None
    assert changed.supabase.optional == ()


def test_a_password_may_stand_beside_another_url(
    services: Services, browser: Browser, supabase: Project
) -> None:
    path = f"/dashboard/projects/{supabase.id}/supabase"

    browser.post(path, name="x", url=OPEN, password="s3cret-9", **ALL)

    changed = services.projects.get(supabase.id)
    assert changed.endpoint.host == POOLER
    assert services.adapters.secrets.get(changed.secret_name) == "s3cret-9"


def test_a_new_name_is_saved_without_another_try(
    services: Services, browser: Browser, supabase: Project
) -> None:
    answer = browser.post(f"/dashboard/projects/{supabase.id}/supabase", name="new", **ALL)

    assert answer.headers["location"].endswith("?notice=saved")
    assert len(services.ledger.catalog.find(Query(Job)).items) == 1


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ({"url": REF}, REF),
        ({"url": f"https://supabase.com/dashboard/project/{REF}"}, REF),
        ({"url": POOLED}, OPEN),
        (
            {"host": POOLER, "port": "5432", "database": "postgres", "user": f"postgres.{REF}"},
            OPEN,
        ),
    ],
)
def test_the_usual_form_leads_on_to_this_one_with_all_but_the_password(
    services: Services, browser: Browser, typed: dict[str, str], shown: str
) -> None:
    answer = browser.post("/dashboard/projects", name="kept", password="s3cret-1", **typed)

    assert answer.status_code == 200
    assert f'action="{PAGE}"' in answer.text
    assert all(f'value="{text}"' in answer.text for text in (shown, "kept"))
    assert "s3cret" not in answer.text
    assert _all(services) == ()


def test_the_usual_form_refuses_the_transaction_pooler_with_the_way_out(browser: Browser) -> None:
    answer = browser.post("/dashboard/projects", url=POOLED.replace("5432", "6543"))

    assert answer.status_code == 422
    assert "Use the session pooler" in answer.text


def test_a_mistake_keeps_the_url_without_its_password(browser: Browser) -> None:
    answer = browser.post(PAGE, url=POOLED, tags="nonsense", **ALL)

    assert answer.status_code == 422
    assert f'value="{OPEN}"' in answer.text
    assert "s3cret" not in answer.text


def test_both_addresses_of_its_editor_show_the_same_form(
    browser: Browser, supabase: Project, project: Project
) -> None:
    action = f'action="/dashboard/projects/{supabase.id}/supabase"'

    seen = browser.see(f"/dashboard/projects/{supabase.id}")

    assert f"/dashboard/projects/{supabase.id}/supabase" in seen
    assert "database, roles, auth, storage, functions, config" in seen
    for editor in ("edit", "supabase"):
        assert action in browser.see(f"/dashboard/projects/{supabase.id}/{editor}")
    browser.see(f"/dashboard/projects/{project.id}/supabase", status=404)
