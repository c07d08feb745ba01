"""Every page that needs no name in its address, with nothing to show and with one of each."""

from __future__ import annotations

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.pages import ALL
from chalicelib.domain.project import Project
from chalicelib.services.links import NewLink
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

PAGES = sorted(route.path for route in ALL if route.method == "GET" and "{" not in route.path)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_with_nothing_on_it_is_a_page(browser: Browser, path: str) -> None:
    assert "</" in browser.see(path)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_with_one_of_each_is_a_page(
    services: Services, browser: Browser, project: Project, path: str
) -> None:
    backup = stored_backup(services, project)
    services.links.create("test", backup, NewLink())
    services.schedules.create("test", NewSchedule("nightly", "daily", project_id=project.id))

    assert "</" in browser.see(path)
