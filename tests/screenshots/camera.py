"""Look at pages as people do: on a desk, in the dark, on a phone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.local.server import ApiServer
from chalicelib.services.access import NewKey
from tests.screenshots.shots import Eyes, Shot
from tests.screenshots.stage import ACTOR, Stage


@dataclass(frozen=True)
class Look:
    """Name a way to look at a page."""

    name: str
    size: tuple[int, int]
    dark: bool = False

    def dress(self, page: Page) -> None:
        """Have a page looked at in this way."""
        page.set_viewport_size({"width": self.size[0], "height": self.size[1]})
        page.emulate_media(color_scheme="dark" if self.dark else "light")


LOOKS: Final = (
    Look("light", (1200, 800)),
    Look("dark", (1200, 800), dark=True),
    Look("phone", (390, 844)),
)


@dataclass(frozen=True)
class Viewer:
    """Hold a browser's page, where it looks, and what there is to see."""

    page: Page
    url: str
    stage: Stage

    def show(self, shot: Shot) -> Page:
        """Go to the page of a picture, do what is to be done there, and return it."""
        self.page.goto(self.url + shot.path.format_map(self.stage.names))
        shot.act(self.page, self.stage)
        # what scripts add comes after the page itself
        self.page.wait_for_load_state("networkidle")
        return self.page


Viewers = Mapping[Eyes, Viewer]


@contextmanager
def viewers(browser: Browser, stage: Stage, empty: Stage) -> Iterator[Viewers]:
    """Serve both services while somebody of each kind looks."""
    with serving(stage.services) as url, serving(empty.services) as other_url:
        yield {
            Eyes.ADMIN: Viewer(signed_in(browser, url, stage.services), url, stage),
            Eyes.STRANGER: Viewer(browser.new_page(), url, stage),
            Eyes.NEWCOMER: Viewer(signed_in(browser, other_url, empty.services), other_url, empty),
        }


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """Serve a service, and give its address."""
    server = ApiServer(services)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def signed_in(browser: Browser, url: str, services: Services) -> Page:
    """Return the page of an admin."""
    page = browser.new_page()
    _, token = services.access.create(ACTOR, NewKey(ACTOR, Role.ADMIN))
    page.goto(url)
    page.fill("#key", token)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("nav")
    return page


def take(page: Page, path: Path, *, whole: bool) -> int:
    """Take a picture, and return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return len(page.screenshot(path=path, full_page=whole))
