"""A real browser that is watched: a script that fails or breaks our policy fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import pytest
from playwright.sync_api import Browser, Page, sync_playwright


@contextmanager
def launched(program: str | None) -> Iterator[Browser]:
    """Start a Chromium: the one that is named, else playwright's own."""
    with sync_playwright() as playwright:
        # as root Chromium starts without its sandbox only; nothing but our own pages is opened
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; skips, saying what is not tested, where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("NOT TESTED: no chromium on this machine, so no page was seen in a browser")
    with launched(program) as browser:
        yield browser


@contextmanager
def watched_page() -> Iterator[Page]:
    """Open a page in the Chromium of this machine."""
    with chromium() as browser:
        page = browser.new_page()
        troubles = watched(page)
        yield page
    assert not troubles


def watched(page: Page) -> list[str]:
    """Return a list that scripts which fail on a page, or break our policy, are noted in."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda said: troubles.append(said.text) if "Content Security" in said.text else None,
    )
    return troubles


def barriers(page: Page) -> list[tuple[str, list[str]]]:
    """Return what keeps people out of a page, by axe: each serious rule, and what breaks it."""
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    # handed over by the debugger, which the pages' own policy does not bind
    page.evaluate(axe)
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in page.evaluate("axe.run()")["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
