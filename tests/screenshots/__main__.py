"""Take pictures of every page with the demo's data: `make screenshots`.

Two of them go into screenshots/, for the README; all of them, light, dark and on a phone, go into
out/screenshots/, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, VerificationLevel
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import Schedule
from chalicelib.local.demo_up import Listener, demo_data
from chalicelib.local.server import ApiServer
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings

ROOT: Final = Path(__file__).parents[2]
SHOWN: Final = ROOT / "screenshots"
ALL: Final = ROOT / "out" / "screenshots"
MAX_BYTES: Final = 150_000
DESK: Final = (1200, 800)
README: Final = (1200, 720)
PHONE: Final = (390, 844)


@dataclass(frozen=True)
class Look:
    """Name a way to look at a page."""

    name: str
    size: tuple[int, int]
    dark: bool


LOOKS: Final = (
    Look("light", DESK, dark=False),
    Look("dark", DESK, dark=True),
    Look("phone", PHONE, dark=False),
)


def main(arguments: list[str]) -> int:
    """Take all pictures; return 1 when one for the README is too large."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots")
    parser.add_argument("--data", type=Path, help="a demo's data folder, to use once more")
    chosen = parser.parse_args(arguments)
    with _demo(chosen.data) as (services, url), _page() as page:
        _sign_in(page, url, services)
        paths = _paths(services)
        for look in LOOKS:
            _take_all(page, url, paths, look)
        too_large = [one for one in _for_readme(page, url, paths) if one.stat().st_size > MAX_BYTES]
    for path in too_large:
        print(f"{path.name} has {path.stat().st_size} bytes, more than {MAX_BYTES}")
    return int(bool(too_large))


def _paths(services: Services) -> dict[str, str]:
    """Return the path of every page to look at, by the name of its picture."""
    find = services.ledger.catalog.find
    project = next(one for one in find(Query(Project)).items if one.name == "Shop")
    schedule = find(Query(Schedule)).items[0]
    backups = find(Query(Backup, index=("project_id", project.id))).items
    proven = next(
        one
        for one in backups
        if one.verification and one.verification.level is VerificationLevel.PROOF
    )
    return {
        "overview": "/",
        "first-run": "/dashboard/first-run",
        "manual": f"/dashboard/backups/manual?project={project.id}",
        "history": "/dashboard/backups/history",
        "backup": f"/dashboard/backups/{proven.id}",
        "scheduled": "/dashboard/backups/scheduled",
        "schedule": f"/dashboard/schedules/{schedule.id}",
        "schedule-editor": f"/dashboard/schedules/{schedule.id}/edit",
        "retention": f"/dashboard/projects/{project.id}/retention",
        "restores": "/dashboard/restores",
        "restore": f"/dashboard/backups/restore?backup={proven.id}",
        "projects": "/dashboard/projects",
        "project": f"/dashboard/projects/{project.id}",
        "project-new": "/dashboard/projects/new",
        "supabase-new": "/dashboard/projects/supabase",
        "settings": "/dashboard/settings",
        "notices": "/dashboard/channels",
        "keys": "/dashboard/keys",
        "audit": "/dashboard/audit",
        "lost": "/dashboard/nowhere",
    }


def _take_all(page: Page, url: str, paths: dict[str, str], look: Look) -> None:
    _dress(page, look)
    for name, path in paths.items():
        page.goto(url + path)
        _take(page, ALL / f"{name}-{look.name}.png", whole=True)


def _for_readme(page: Page, url: str, paths: dict[str, str]) -> Iterator[Path]:
    _dress(page, Look("readme", README, dark=False))
    for name in ("overview", "backup"):
        page.goto(url + paths[name])
        yield _take(page, SHOWN / f"{name}.png", whole=False)


def _take(page: Page, path: Path, *, whole: bool) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=whole)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
    return path


def _dress(page: Page, look: Look) -> None:
    page.set_viewport_size({"width": look.size[0], "height": look.size[1]})
    page.emulate_media(color_scheme="dark" if look.dark else "light")


def _sign_in(page: Page, url: str, services: Services) -> None:
    _, token = services.access.create("screenshots", NewKey("screenshots", Role.ADMIN))
    page.goto(url)
    _dress(page, LOOKS[0])
    _take(page, ALL / "sign-in-light.png", whole=True)
    page.fill("#key", token)
    page.click("button:has-text('Sign in')")


@contextmanager
def _demo(data: Path | None) -> Iterator[tuple[Services, str]]:
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        settings = Settings(data=folder, requests_per_minute=0, strangers_per_minute=0)
        stack.enter_context(demo_data(settings, Listener(print, _go_on)))
        services = embedded(settings)
        # what a running service does every five minutes
        services.sweeper.sweep(starting=False)
        server = ApiServer(services)
        server.start()
        stack.callback(server.stop)
        yield services, server.url


@contextmanager
def _page() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        # as root Chromium starts without its sandbox only; nothing but our own pages is opened
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def _go_on() -> None:
    """Be asked whether to go on, and always do."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
