"""What no page may do: act for a foreign page, run foreign scripts, show what is hidden."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.pages import ALL
from chalicelib.dashboard.routing import PageRoute
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.project import Project
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

BrowserFor = Callable[..., Browser]
XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "{{ 7777 * 7777 }}",
    "javascript:alert(1)",
    "</textarea><script>alert(1)</script>",
]
FORMS = [route for route in ALL if route.method == "POST" and route.allow.role is not None]
"""Signing in, and using a link, are for people without a session."""


def _name(route: PageRoute) -> str:
    return route.path


def _path(route: PageRoute, project: Project, backup_id: str) -> str:
    return route.path.format(
        project_id=project.id,
        backup_id=backup_id,
        job_id="01JD0000000000000000000000",
        restore_id="01JD0000000000000000000000",
        schedule_id="01JD0000000000000000000000",
        key_id="01JD0000000000000000000000",
        link_id="01JD0000000000000000000000",
        channel_id="01JD0000000000000000000000",
        name="x",
    )


@pytest.mark.parametrize("route", FORMS, ids=_name)
@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_form_without_the_sessions_token_is_refused(
    services: Services, browser: Browser, project: Project, route: PageRoute, token: str | None
) -> None:
    path = _path(route, project, stored_backup(services, project).id)

    answer = browser.http.post(path, data={"other": "x"} if token is None else {"csrf": token})

    assert answer.status_code == 403
    assert "not from this session" in answer.text


@pytest.mark.parametrize("path", ["/session", "/session/end"])
def test_a_form_that_the_browser_calls_foreign_is_refused(browser: Browser, path: str) -> None:
    answer = browser.http.post(path, data={"key": "x"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


@pytest.mark.parametrize("route", FORMS, ids=_name)
def test_a_form_of_another_content_type_is_refused(
    services: Services, browser: Browser, project: Project, route: PageRoute
) -> None:
    path = _path(route, project, stored_backup(services, project).id)

    answer = browser.http.post(path, content=b"{}", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415


@pytest.mark.parametrize(
    "route",
    [one for one in ALL if one.allow.role not in {None, Role.VIEWER}],
    ids=_name,
)
def test_a_viewer_is_refused_what_needs_more(
    services: Services, browser_for: BrowserFor, project: Project, route: PageRoute
) -> None:
    viewer = browser_for(Role.VIEWER)
    path = _path(route, project, stored_backup(services, project).id)

    answer = viewer.http.get(path) if route.method == "GET" else viewer.post(path)

    assert answer.status_code == 403


def test_a_viewer_sees_no_button_that_it_cannot_use(
    services: Services, browser_for: BrowserFor, project: Project
) -> None:
    backup = stored_backup(services, project)

    seen = browser_for(Role.VIEWER).see(f"/dashboard/backups/{backup.id}")

    forms = re.findall(r'<form method="post" action="([^"]*)"', seen)
    looks = [f"/dashboard/backups/{backup.id}/{look}" for look in ("contents", "text")]
    assert forms == ["/session/end", *looks]
    assert "Back up now" not in seen


@pytest.mark.parametrize("path", ["/dashboard/backups/{}", "/dashboard/backups/{}/progress"])
def test_a_backup_out_of_sight_looks_like_none(
    services: Services, browser_for: BrowserFor, make_project: Callable[..., Project], path: str
) -> None:
    hidden = stored_backup(services, make_project("hidden"))
    limited = browser_for(Role.ADMIN, (make_project("mine").id,))

    found = limited.http.get(path.format(hidden.id))
    missing = limited.http.get(path.format("01JD0000000000000000000000"))

    assert found.status_code == missing.status_code == 404
    assert found.text == missing.text.replace("01JD0000000000000000000000", hidden.id)


def test_lists_show_the_visible_projects_only(
    services: Services, browser_for: BrowserFor, make_project: Callable[..., Project]
) -> None:
    stored_backup(services, make_project("hidden-project"), name="hidden-backup")
    limited = browser_for(Role.ADMIN, (make_project("mine").id,))

    seen = "".join(
        limited.see(path) for path in ("/", "/dashboard/backups/history", "/dashboard/projects")
    )

    assert "mine" in seen
    assert "hidden" not in seen.replace('type="hidden"', "")


@pytest.mark.parametrize("text", XSS)
def test_what_people_write_is_shown_and_never_run(
    services: Services, browser: Browser, make_project: Callable[..., Project], text: str
) -> None:
    backup = stored_backup(
        services,
        make_project(text),
        name=text,
        description=text,
        tags={text[:64]: text},
        status=Status.FAILED,
        error=ErrorInfo(code="dump_failed", message=text, hint=text),
    )

    pages = ("/", "/dashboard/backups/history", f"/dashboard/backups/{backup.id}")
    seen = "".join(browser.see(path) for path in pages)

    assert text not in seen or not set(text) & set("<>\"'")
    assert str(7777 * 7777) not in seen


def test_every_page_allows_scripts_and_styles_of_its_own_files_only(browser: Browser) -> None:
    policy = browser.http.get("/").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_no_page_holds_scripts_or_styles_in_its_text(
    services: Services, browser: Browser, project: Project
) -> None:
    backup = stored_backup(services, project)
    paths = ("/", "/dashboard/backups/manual", f"/dashboard/backups/{backup.id}")

    seen = "".join(browser.see(path) for path in paths)

    assert "style=" not in seen
    assert "<script>" not in seen
    assert " onclick" not in seen
