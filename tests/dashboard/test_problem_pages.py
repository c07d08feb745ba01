"""What is said where there is no page: to people as a page, to programs as a problem."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.dashboard.conftest import Browser

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("path", ["/dashboard/nowhere", "/dashboard", "/session/x/y"])
def test_an_unknown_path_below_the_pages_is_a_page(browser: Browser, path: str) -> None:
    answer = browser.http.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "there is no such path" in answer.text
    assert "Sign out" in answer.text


def test_strangers_learn_nothing_more(anonymous: Callable[[], httpx.Client]) -> None:
    client = anonymous()

    answer = client.get("/dashboard/nowhere", headers={"Cookie": "holdfast_session=made-up"})

    assert answer.status_code == 404
    assert "Sign out" not in answer.text


@pytest.mark.parametrize(
    ("path", "headers", "is_page"),
    [
        ("/nowhere", HTML, True),
        ("/nowhere", {}, False),
        ("/v1/nowhere", HTML, False),
        ("/v1/nowhere", {}, False),
        ("/dashboards", {}, False),
    ],
)
def test_programs_get_a_problem(
    browser: Browser, path: str, headers: dict[str, str], *, is_page: bool
) -> None:
    answer = browser.http.get(path, headers={"Accept": "*/*"} | headers)

    assert answer.status_code == 404
    expected = "text/html" if is_page else "application/problem+json"
    assert answer.headers["content-type"].startswith(expected)


def test_another_method_is_told_with_those_that_are_taken(browser: Browser) -> None:
    answer = browser.http.put("/dashboard/projects")

    assert answer.status_code == 405
    assert answer.headers["content-type"].startswith("text/html")
    assert "GET" in answer.headers["allow"]
    assert "the method is not allowed here" in answer.text


def test_a_refused_query_is_a_page_too(browser: Browser) -> None:
    answer = browser.http.get("/dashboard/backups/history?cursor=nonsense")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
