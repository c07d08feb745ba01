"""A person without a terminal, in a real browser, from the first sign-in to a restore."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load
from tests.support.chromium import watched_page

BACKUP_MS = 60_000
PAGES = (
    "/",
    "/dashboard/backups/history",
    "/dashboard/projects/new",
    "/dashboard/restores",
    "/dashboard/keys",
    "/dashboard/backups/scheduled",
    "/dashboard/audit",
    "/session/new",
)
VIEWPORTS = {"desk": (1200, 800), "phone": (390, 800)}


@dataclass(frozen=True)
class Up:
    """A `holdfast up` that runs, with the key that it printed."""

    url: str
    key: str


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    process = subprocess.Popen(
        [sys.executable, "-m", "chalicelib.cli.main", "up", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOLDFAST_DATA": str(tmp_path / "data")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = "".join(process.stdout.readline() for _ in range(3))
    url = re.search(r"answers at (\S+),", printed)
    key = re.search(r"HOLDFAST_API_KEY=(\S+)", printed)
    assert url is not None, printed
    assert key is not None, printed
    yield Up(url[1], key[1])
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture
def page() -> Iterator[Page]:
    with watched_page() as page:
        yield page


@pytest.fixture
def shop_url(database: Callable[..., Connection], postgres18: LocalPostgres) -> str:
    url = postgres18.url(database(postgres18).endpoint.database)
    with psycopg.connect(url, autocommit=True) as session:
        load(session, 1)
    return url


@pytest.fixture
def empty_url(database: Callable[..., Connection], postgres18: LocalPostgres) -> str:
    return postgres18.url(database(postgres18).endpoint.database)


@pytest.fixture
def signed_in(page: Page, up: Up) -> Page:
    page.goto(up.url)
    page.fill("#key", up.key)
    page.click("button:has-text('Sign in')")
    return page


@pytest.mark.slow
@pytest.mark.postgres
def test_a_person_backs_up_downloads_and_restores(
    signed_in: Page, shop_url: str, empty_url: str, tmp_path: Path
) -> None:
    page = signed_in
    page.click("a.button:has-text('Add a project')")
    _add_project(page, shop_url, "Shop")

    page.click(".actions a:has-text('Back up now')")
    page.fill("#description", "by hand")
    page.click("button:has-text('Estimate first')")
    expect(page.locator("#estimate")).to_contain_text("Leaves the server", timeout=BACKUP_MS)
    page.select_option("#verification", "proof")
    page.check("[name=download]")
    with page.expect_download(timeout=BACKUP_MS) as waiting:
        page.click("main form button.primary")
    expect(page.locator(".mark.completed").first).to_be_visible()
    expect(page.locator(".shield.proof").first).to_have_text("proven")
    dump = tmp_path / "shop.dump"
    waiting.value.save_as(dump)

    assert dump.read_bytes()[:5] == b"PGDMP"
    page.click("button:has-text('RECOVERY.md')")
    expect(page.locator("pre")).to_contain_text("How to get this data back", timeout=BACKUP_MS)
    page.click("nav a:has-text('Overview')")
    expect(page.locator("h1")).to_contain_text("Everything is all right.")

    page.click("table a")
    page.click("button:has-text('Look inside')")
    page.click("tr:has-text('customers') button:has-text('First rows')", timeout=BACKUP_MS)
    expect(page.locator("th:has-text('id')").first).to_be_visible(timeout=BACKUP_MS)

    page.click("nav a:has-text('Projects')")
    page.click("a.button:has-text('Add a project')")
    _add_project(page, empty_url, "Copy")
    page.click("nav a:has-text('Restores')")
    page.click("a.button:has-text('Restore a backup')")
    label = page.locator("#project option:has-text('Copy')").get_attribute("value")
    page.select_option("#project", label)
    page.click("button:has-text('Look what would happen')")
    page.wait_for_selector("#confirm", timeout=BACKUP_MS)
    page.fill("#confirm", "somewhere/else")
    page.click("main form button:has-text('Restore')")
    expect(page.locator("#confirm-wrong")).to_be_visible()
    page.fill("#confirm", f"127.0.0.1/{empty_url.rpartition('/')[2]}")
    page.click("main form button:has-text('Restore')")
    expect(page.locator("h2:has-text('The copy is equal')")).to_be_visible(timeout=BACKUP_MS)

    page.goto(f"{page.url.partition('/dashboard')[0]}/dashboard/backups/history")
    page.select_option("[name=status]", "failed")
    page.click("button:has-text('Filter')")
    expect(page.locator("main")).to_contain_text("No backup fits this filter.")

    page.click("button:has-text('Sign out')")
    expect(page.locator("#key")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_no_page_keeps_anybody_out(signed_in: Page, up: Up, viewport: str, colours: str) -> None:
    page = signed_in
    width, height = VIEWPORTS[viewport]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

    for path in (
        "/",
        "/dashboard/backups/history",
        "/dashboard/projects/new",
        "/dashboard/restores",
        "/dashboard/keys",
        "/dashboard/backups/scheduled",
        "/dashboard/audit",
        "/session/new",
    ):
        page.goto(up.url + path)
        # handed over by the debugger, which the pages' own policy does not bind
        page.evaluate(axe)
        found = page.evaluate("axe.run()")

        serious = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]
        assert serious == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_progress_says_so_while_nobody_answers(page: Page, up: Up) -> None:
    script = (resources.files("chalicelib.dashboard") / "static" / "backup-progress.js").read_text()
    page.goto(up.url + "/session/new")
    page.evaluate(
        "document.body.innerHTML = '<backup-progress src=\"/nowhere\"></backup-progress>'"
    )
    page.route("**/nowhere", lambda route: route.abort())

    page.evaluate(script)

    expect(page.locator("backup-progress")).to_contain_text("does not answer")


def _add_project(page: Page, url: str, name: str) -> None:
    page.fill("#url", url)
    page.fill("#name", name)
    page.click("button:has-text('Add and try')")
    expect(page.locator("h1")).to_have_text(name)
