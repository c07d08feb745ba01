"""Deny by default: walk every route of the application, whatever routes there are."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from app import app
from chalicelib.api.routes import ALL
from chalicelib.api.routing import RECORDS, Route
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.pages import ALL as PAGES
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.restore import RestoreOptions
from chalicelib.services.restores import NewRestore
from chalicelib.services.schedules import NewSchedule

PUBLIC = {
    ("GET", "/health"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/downloads/{token}"),
    ("POST", "/downloads/{token}"),
}
GUARDED = [one for one in ALL if (one.method, one.path) not in PUBLIC]
SCOPED = [one for one in GUARDED if set(one.parameters) & RECORDS.keys()]
LOWER = {Role.OPERATOR: Role.VIEWER, Role.ADMIN: Role.OPERATOR}


def named(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda r: f"{r.method} {r.path}")


def path_of(route: Route, **values: str) -> str:
    unknown = dict.fromkeys(route.parameters, "01JD0000000000000000000000")
    return route.path.format(**unknown | values)


@pytest.fixture
def ids(services: Services, project: Project, backup: Backup) -> dict[str, str]:
    """Ids of one thing of each kind that belongs to a project."""
    job = services.jobs.request("test", JobKind.TEST, project.id, JobArguments())
    new = NewRestore(backup.id, project.id, RestoreOptions())
    nightly = NewSchedule("nightly", "daily", project_id=project.id)
    return {
        "project_id": project.id,
        "backup_id": backup.id,
        "job_id": job.id,
        "restore_id": services.restores.request("test", new).id,
        "schedule_id": services.schedules.create("test", nightly).id,
    }


def test_every_route_of_the_application_is_described() -> None:
    served = {(method, path) for path, methods in app.routes.items() for method in methods}
    pages = {(one.method, one.path) for one in PAGES}

    assert served == {(one.method, one.path) for one in ALL} | pages


def test_what_needs_no_key_is_this_and_nothing_else() -> None:
    assert {(one.method, one.path) for one in ALL if one.allow.role is None} == PUBLIC


TABLE = {
    "show_health": ("public", "all"),
    "show_openapi": ("public", "all"),
    "download": ("public", "token"),
    "redeem_link": ("public", "token"),
    "create_project": ("admin", "unlimited"),
    "list_projects": ("viewer", "filtered"),
    "show_project": ("viewer", "project"),
    "update_project": ("admin", "project"),
    "delete_project": ("admin", "project"),
    "test_project": ("operator", "project"),
    "estimate_project": ("operator", "project"),
    "request_backup": ("operator", "body"),
    "list_backups": ("viewer", "filtered"),
    "show_backup": ("viewer", "project"),
    "update_backup": ("operator", "project"),
    "delete_backup": ("admin", "project"),
    "show_progress": ("viewer", "project"),
    "cancel_backup": ("operator", "project"),
    "verify_backup": ("operator", "project"),
    "list_contents": ("viewer", "project"),
    "show_rows": ("operator", "project"),
    "show_table_rows": ("operator", "project"),
    "request_restore": ("operator", "body"),
    "preflight_restore": ("operator", "body"),
    "list_restores": ("viewer", "filtered"),
    "show_restore": ("viewer", "project"),
    "show_restore_progress": ("viewer", "project"),
    "cancel_restore": ("operator", "project"),
    "create_schedule": ("admin", "body"),
    "list_schedules": ("viewer", "filtered"),
    "preview_schedule": ("viewer", "all"),
    "show_schedule": ("viewer", "project"),
    "update_schedule": ("admin", "project"),
    "delete_schedule": ("admin", "project"),
    "run_schedule": ("operator", "project"),
    "create_link": ("operator", "project"),
    "list_links": ("viewer", "project"),
    "revoke_link": ("operator", "project"),
    "show_job": ("viewer", "project"),
    "preview_retention": ("viewer", "body"),
    "accept_retention": ("admin", "body"),
    "create_key": ("admin", "unlimited"),
    "list_keys": ("admin", "unlimited"),
    "revoke_key": ("admin", "unlimited"),
    "create_channel": ("admin", "unlimited"),
    "list_channels": ("admin", "unlimited"),
    "show_channel": ("admin", "unlimited"),
    "change_channel": ("admin", "unlimited"),
    "delete_channel": ("admin", "unlimited"),
    "test_channel": ("admin", "unlimited"),
    "list_deliveries": ("admin", "unlimited"),
    "list_audit": ("admin", "filtered"),
    "list_stats": ("viewer", "filtered"),
    "show_metrics": ("viewer", "filtered"),
}
"""Who may call each operation, and what keeps it within the projects of the key."""

LISTS = [one for one in ALL if TABLE.get(one.name, ("", ""))[1] == "filtered"]


def test_the_table_of_rights_is_this() -> None:
    def scope_of(one: Route) -> str:
        if one.allow.everywhere:
            return "unlimited"
        if set(one.parameters) & RECORDS.keys():
            return "project"
        return TABLE[one.name][1]

    assert {one.name: (one.allow.role or "public", scope_of(one)) for one in ALL} == TABLE


@named(LISTS)
def test_lists_show_only_what_is_in_sight(
    client_for: Callable[..., httpx.Client],
    route: Route,
    ids: dict[str, str],
    make_project: Callable[..., Project],
) -> None:
    mine = make_project("mine").id

    inside = client_for(Role.ADMIN, projects=(ids["project_id"],)).get(route.path).text
    outside = client_for(Role.ADMIN, projects=(mine,)).get(route.path).text

    assert ids["project_id"] in inside
    assert mine not in inside
    assert ids["project_id"] not in outside


@pytest.mark.embedded_only  # all others ask with keys of both sets
@named(GUARDED)
@pytest.mark.parametrize("token", [None, "hf_01JD0000000000000000000000_wrong"])
def test_without_a_valid_key_nothing_answers(
    client_for: Callable[..., httpx.Client], route: Route, token: str | None
) -> None:
    answer = client_for(None, token=token).request(route.method, path_of(route))

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.embedded_only  # all others ask with keys of both sets
@named([one for one in GUARDED if one.allow.role is not Role.VIEWER])
def test_a_role_too_low_is_forbidden(
    client_for: Callable[..., httpx.Client], route: Route, ids: dict[str, str]
) -> None:
    assert route.allow.role is not None
    low = client_for(LOWER[route.allow.role])

    answer = low.request(route.method, path_of(route, **ids))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@named(GUARDED)
def test_the_role_itself_is_let_in(
    client_for: Callable[..., httpx.Client], route: Route, ids: dict[str, str]
) -> None:
    answer = client_for(route.allow.role).request(route.method, path_of(route, **ids))

    assert answer.status_code not in {401, 403}


@named(SCOPED)
def test_what_is_out_of_sight_does_not_exist(
    client_for: Callable[..., httpx.Client],
    route: Route,
    ids: dict[str, str],
    make_project: Callable[..., Project],
) -> None:
    elsewhere = client_for(Role.ADMIN, projects=(make_project("mine").id,))

    hidden = elsewhere.request(route.method, path_of(route, **ids))
    missing = elsewhere.request(route.method, path_of(route))

    assert hidden.status_code == 404
    assert hidden.text == missing.text


@named(SCOPED)
def test_what_is_in_sight_answers(
    client_for: Callable[..., httpx.Client], route: Route, ids: dict[str, str]
) -> None:
    inside = client_for(Role.ADMIN, projects=(ids["project_id"],))

    answer = inside.request(route.method, path_of(route, **ids))

    assert answer.status_code != 404 or "link_id" in route.parameters


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/projects"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys"),
        ("DELETE", "/v1/keys/01JD0000000000000000000000"),
    ],
)
def test_a_limited_admin_reaches_nothing_that_concerns_all(
    client_for: Callable[..., httpx.Client], project: Project, method: str, path: str
) -> None:
    limited = client_for(Role.ADMIN, projects=(project.id,))

    assert limited.request(method, path).status_code == 403


def test_a_backup_of_a_hidden_project_cannot_be_requested(
    client_for: Callable[..., httpx.Client], make_project: Callable[..., Project]
) -> None:
    mine, other = make_project("mine"), make_project("other")
    limited = client_for(Role.OPERATOR, projects=(mine.id,))

    hidden = limited.post("/v1/backups", json={"project_id": other.id})
    missing = limited.post("/v1/backups", json={"project_id": "nobody"})

    assert hidden.status_code == 404
    assert hidden.text == missing.text


def test_an_operator_may_not_delete(
    client_for: Callable[..., httpx.Client], backup: Backup
) -> None:
    assert client_for(Role.OPERATOR).delete(f"/v1/backups/{backup.id}").status_code == 403
