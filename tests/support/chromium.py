"""A real browser that is watched: a script that fails or breaks our policy fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright


@contextmanager
def watched_page() -> Iterator[Page]:
    """Open a page; skips, saying what is not tested, where there is no Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("NOT TESTED: no chromium on this machine, so no page was seen in a browser")
    troubles: list[str] = []
    with sync_playwright() as playwright:
        # as root Chromium starts without its sandbox only; nothing but our own pages is opened
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console",
            lambda said: troubles.append(said.text) if "Content Security" in said.text else None,
        )
        yield page
        browser.close()
    assert not troubles
