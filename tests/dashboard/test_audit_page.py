"""The audit log's page: what its filters show, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.project import Project
from tests.dashboard.conftest import Browser

PAGE = "/dashboard/audit"


def _created(browser: Browser, query: str) -> int:
    return browser.see(f"{PAGE}?what=project.created&{query}").count("<strong>project.created")


def test_it_is_filtered_by_project_and_by_what_it_is_about(
    browser: Browser, make_project: Callable[..., Project]
) -> None:
    one, other = make_project("one"), make_project("other")

    assert _created(browser, "who=") == 2
    assert _created(browser, f"project={one.id}") == 1
    assert _created(browser, f"subject={other.id}") == 1
    assert _created(browser, f"project={one.id}&subject={other.id}") == 0


@pytest.mark.parametrize(
    ("days", "shown"), [((0, 0), 1), ((-1, 1), 1), ((1, 2), 0), ((-2, -1), 0), ((None, 0), 1)]
)
@pytest.mark.usefixtures("project")
def test_days_count_as_a_whole(
    services: Services, browser: Browser, days: tuple[int | None, int], shown: int
) -> None:
    today = services.ledger.clock.now().date()
    since, until = ("" if day is None else today + timedelta(days=day) for day in days)

    assert _created(browser, f"since={since}&until={until}") == shown


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=9999-12-31",
        "since=0001-01-01",
        "project=../x",
        "subject=%00",
        "nothing=1",
    ],
)
def test_a_filter_that_cannot_be_is_refused_as_a_page(browser: Browser, query: str) -> None:
    answer = browser.http.get(f"{PAGE}?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
