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


@dataclass(frozen=True)
class Database:
    """A database, and the server that holds it."""

    server: LocalPostgres
    url: str


@pytest.fixture
def shop(empty_database: Callable[[], Database]) -> Database:
    made = empty_database()
    with psycopg.connect(made.url, autocommit=True) as session:
        load(session, 1)
    return made


@pytest.fixture
def empty(empty_database: Callable[[], Database]) -> Database:
    return empty_database()


@pytest.fixture
def empty_database(
    database: Callable[..., Connection], postgres18: LocalPostgres
) -> Callable[[], Database]:
    def make() -> Database:
        name = database(postgres18).endpoint.database
        return Database(postgres18, postgres18.url(name))

    return make


@pytest.fixture
def signed_in(page: Page, up: Up) -> Page:
    page.goto(up.url)
    page.fill("#key", up.key)
    page.click("button:has-text('Sign in')")
    return page


@pytest.mark.slow
@pytest.mark.postgres
def test_a_person_without_a_terminal_gets_from_nothing_to_a_restored_copy(
    signed_in: Page, shop: Database, empty: Database, tmp_path: Path
) -> None:
    page = signed_in
    expect(page.locator("h1")).to_have_text("Nothing is backed up yet.")

    _add_project(page, shop.url, "Shop")
    _take_first_backup(page)
    dump = _download(page, tmp_path / "shop.dump")
    assert _restored_rows(shop.server, dump) == _rows(shop.url)

    _look_inside(page)
    _schedule(page)
    _add_project(page, empty.url, "Copy")
    _restore(page, empty.url)
    assert _rows(empty.url) == _rows(shop.url)

    _filter_history(page)
    page.click("button:has-text('Sign out')")
    expect(page.locator("#key")).to_be_visible()


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
    page.click("nav a:has-text('Projects')")
    page.click("a.button:has-text('Add a project')")
    page.fill("#url", url)
    # taken apart in the browser: what is saved is what stands in the fields
    expect(page.locator("#host")).to_have_value("127.0.0.1")
    expect(page.locator("#url")).to_have_value("")
    page.fill("#name", name)
    page.click("button:has-text('Add and try')")
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("text=A backup can be made.")).to_be_visible(timeout=BACKUP_MS)


def _take_first_backup(page: Page) -> None:
    page.click("a:has-text('Go on to the first one')")
    page.click("button:has-text('Back up and prove it')")
    expect(page.locator(".mark.completed").first).to_be_visible(timeout=BACKUP_MS)
    expect(page.locator(".shield.proof").first).to_be_visible()
    page.click("nav a:has-text('Overview')")
    expect(page.locator("h1")).to_contain_text("Everything is all right.")


def _download(page: Page, target: Path) -> Path:
    page.click("main table a:has-text('Shop')")
    with page.expect_download() as waiting:
        page.click("button:has-text('Download')")
    waiting.value.save_as(target)
    return target


def _look_inside(page: Page) -> None:
    page.click("button:has-text('Look inside')")
    page.click("tr:has-text('customers') button:has-text('First rows')", timeout=BACKUP_MS)
    expect(page.locator("th:has-text('id')").first).to_be_visible(timeout=BACKUP_MS)


def _schedule(page: Page) -> None:
    page.click("nav a:has-text('Scheduled')")
    page.click("a.button:has-text('Make a schedule')")
    page.select_option("#project", label="Shop")
    page.select_option("#every", "week")
    page.select_option("#weekday", label="Saturday")
    page.fill("#timezone", "Europe/Berlin")
    page.fill("#weekly", "8")
    look = page.locator(".look")
    expect(look).to_contain_text("At 03:00 on Saturday.")
    expect(look).to_contain_text("Europe/Berlin puts its clocks")
    expect(look).to_contain_text("one a week")
    page.click("button:has-text('Make the schedule')")
    expect(page.locator("h2:has-text('Next runs')")).to_be_visible()
    expect(page.locator(".run time")).to_have_count(3)


def _restore(page: Page, url: str) -> None:
    page.click("nav a:has-text('Restores')")
    page.click("a.button:has-text('Restore a backup')")
    label = page.locator("#project option:has-text('Copy')").get_attribute("value")
    page.select_option("#project", label)
    page.click("button:has-text('Look what would happen')")
    page.wait_for_selector("#confirm", timeout=BACKUP_MS)
    page.fill("#confirm", "somewhere/else")
    page.click("main form button:has-text('Restore')")
    expect(page.locator("#confirm-wrong")).to_be_visible()
    page.fill("#confirm", f"127.0.0.1/{url.rpartition('/')[2]}")
    page.click("main form button:has-text('Restore')")
    expect(page.locator("h2:has-text('The copy is equal')")).to_be_visible(timeout=BACKUP_MS)


def _filter_history(page: Page) -> None:
    page.click("nav a:has-text('History')")
    page.select_option("form.filters select[name='status']", "completed")
    page.click("form.filters button")
    expect(page.locator("main table .mark.completed")).to_have_count(1)
    page.select_option("form.filters select[name='status']", "failed")
    page.click("form.filters button")
    expect(page.locator("main")).to_contain_text("No backup fits this filter")


def _restored_rows(server: LocalPostgres, dump: Path) -> int:
    name = f"from_file_{dump.stat().st_mtime_ns}"
    with psycopg.connect(server.url(), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        program = str(server.bin_dir / "pg_restore")
        options = ["--exit-on-error", "--dbname", server.url(name), str(dump)]
        subprocess.run([program, *options], check=True, stdin=subprocess.DEVNULL)
        found = _rows(server.url(name))
        session.execute(f"DROP DATABASE {name}".encode())
    return found


def _rows(url: str) -> int:
    with psycopg.connect(url) as session:
        row = session.execute("SELECT count(*) FROM shop.customers").fetchone()
    assert row is not None
    return int(row[0])
