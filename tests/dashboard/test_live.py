"""What scripts add to the pages, in a real browser over records that tests write."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status, Step
from chalicelib.domain.job import Job
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Put, Query, Remove, Replace
from chalicelib.local.server import ApiServer
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings
from tests.support.chromium import barriers, watched_page
from tests.support.completed import stored_backup
from tests.support.much_history import fill
from tests.support.steps import steps_from

pytestmark = pytest.mark.slow
REF = "abcdefghijklmnopqrst"
POOLER = "aws-0-eu-west-1.pooler.supabase.com:5432"
LONG = "a-very-long-name-without-any-blank-" * 5
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAY = ("prepare", "dump", "dump/files", "verify", "verify/proof", "seal", "complete")
SHIFTS = """() => { window.shift = 0; new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.shift += one.value;
}).observe({ type: "layout-shift", buffered: false }); }"""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    # links name the address that the service is told, so its port has to be known first
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return embedded(Settings(data=tmp_path / "data", public_url=f"http://127.0.0.1:{port}"))


@pytest.fixture
def url(services: Services) -> Iterator[str]:
    server = ApiServer(services, port=urlsplit(services.settings.public_url).port or 0)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def page(services: Services, url: str) -> Iterator[Page]:
    """A browser that has signed in as an admin."""
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    with watched_page() as page:
        page.goto(url)
        page.fill("#key", token)
        page.click("button:has-text('Sign in')")
        yield page


@pytest.fixture
def running(services: Services, project: Project) -> Backup:
    return stored_backup(
        services, project, status=Status.IN_PROGRESS, step=Step.DUMP, completed_at=None
    )


def _tell(services: Services, backup: Backup, **fields: object) -> None:
    now = services.ledger.clock.now()
    given = {"id": backup.id, "phase": "dump", "at": now, "raw_bytes_total": 100_000_000}
    services.ledger.catalog.commit([Put(Progress.model_validate(given | fields))])


def _end_job(services: Services, **fields: object) -> None:
    (job,) = services.ledger.catalog.find(Query(Job)).items
    services.ledger.catalog.commit([Replace(job.model_copy(update=fields))])


def test_figures_that_change_move_nothing_on_the_page(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    page.goto(f"{url}/dashboard/backups/{running.id}")
    expect(page.locator("backup-progress .now")).to_have_text("dump")
    page.evaluate(SHIFTS)

    for done in (1, 50_000_000):
        _tell(services, running, raw_bytes_done=done, table="shop.orders", bytes_per_s=2e6, eta_s=9)
        said = "1 B" if done == 1 else "50.0 MB"
        expect(page.locator("backup-progress")).to_contain_text(f"{said} read", timeout=15_000)

    assert page.evaluate("window.shift") == 0


def _go_on(services: Services, run: Backup, *names: str) -> None:
    found = services.backups.get(run.id)
    changed = found.model_copy(update={"steps": steps_from(NOON, *names)})
    services.ledger.catalog.commit([Replace(changed)])


def test_the_log_tells_what_happened_last_in_the_readers_own_zone(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    _go_on(services, running, "prepare", "dump", "dump,2")
    page.context.add_cookies([{"name": "holdfast_zone", "value": "Asia/Tokyo", "url": url}])

    page.goto(f"{url}/dashboard/backups/{running.id}")

    lines = page.locator("backup-progress .log li")
    expect(lines).to_have_text([
        "9:00:00 PMlooking at the server1.0 s",
        "9:00:01 PMdumping1.0 s",
        "9:00:02 PMdumping, attempt 2",
    ])  # fmt: skip
    page.reload()
    expect(lines).to_have_count(3)


@pytest.mark.parametrize("width", [1200, 390])
def test_the_log_goes_on_and_moves_nothing_on_the_page(
    services: Services, page: Page, url: str, running: Backup, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{url}/dashboard/backups/{running.id}")
    expect(page.locator("backup-progress .now")).to_have_text("dump")
    page.evaluate(SHIFTS)

    for names in (WAY[:3], WAY):
        _tell(services, running, table=LONG, tables_done=4, tables_total=15, bytes_per_s=2e6)
        _go_on(services, running, *names)
        shown = min(len(names), 6)
        expect(page.locator(".log li")).to_have_count(shown, timeout=15_000)

    expect(page.locator(".log li").last).to_contain_text("completing")
    assert page.evaluate("window.shift") == 0


def test_only_what_is_new_is_announced(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    _go_on(services, running, "prepare", "dump", "verify", "verify/proof")

    page.goto(f"{url}/dashboard/backups/{running.id}")

    expect(page.get_by_role("status")).to_have_text("proving it by a restore")
    log = page.locator(".log")
    assert [log.get_attribute(name) for name in ("role", "aria-live")] == [None, None]
    assert page.locator("[role=status] .log, [aria-live] .log").count() == 0


def test_a_line_of_a_list_has_no_log(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    _go_on(services, running, "prepare", "dump")

    page.goto(f"{url}/dashboard/backups/history")

    expect(page.locator("backup-progress .mark")).to_have_text("dump")
    assert page.locator(".log").count() == 0


def test_a_page_that_waits_for_a_job_tells_what_the_job_does(
    services: Services, page: Page, url: str, project: Project
) -> None:
    page.goto(f"{url}/dashboard/projects/{project.id}")
    page.click("button:has-text('Try the connection')")
    lines = page.locator(".log li .words")
    expect(lines).to_have_text(["waiting for a worker"])

    _end_job(services, status=Status.IN_PROGRESS, started_at=services.ledger.clock.now())

    expect(lines).to_have_text(["waiting for a worker", "a worker is at it"], timeout=15_000)


def test_a_backup_that_is_deleted_in_another_tab_is_said_to_be_gone(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    page.goto(f"{url}/dashboard/backups/{running.id}")
    expect(page.locator("backup-progress .now")).to_have_text("dump")

    services.ledger.catalog.commit([Remove(running)])

    expect(page.locator("backup-progress")).to_contain_text("no longer there", timeout=15_000)
    page.reload()
    expect(page.locator("main")).to_contain_text("there is no such backup")


def test_a_list_follows_what_runs_without_loading_itself_again(
    services: Services, page: Page, url: str, running: Backup
) -> None:
    page.goto(f"{url}/dashboard/backups/history")
    page.check(f"input[value='{running.id}']")

    ended = running.model_copy(update={"status": Status.COMPLETED})
    services.ledger.catalog.commit([Replace(ended)])

    expect(page.locator("backup-progress .completed")).to_be_visible(timeout=15_000)
    assert page.is_checked(f"input[value='{running.id}']")


def test_an_estimate_comes_without_leaving_the_form(
    services: Services, page: Page, url: str, project: Project
) -> None:
    page.goto(f"{url}/dashboard/backups/manual?project={project.id}")
    page.fill("#name", "typed before")
    page.click("button:has-text('Estimate first')")
    expect(page.locator("#estimate")).to_contain_text("A worker is looking")

    result: dict[str, Any] = {"tables": 3, "table_bytes": 7_000_000, "large_objects": 0,
        "database_bytes": 9, "expected": {"seconds": 30.0, "basis": "one run"}}  # fmt: skip
    _end_job(services, status=Status.COMPLETED, result=result)

    expect(page.locator("#estimate")).to_contain_text("about 7.0 MB", timeout=15_000)
    assert page.input_value("#name") == "typed before"
    assert page.url.endswith(f"project={project.id}")
    page.select_option("#type", "schema")
    expect(page.locator("#estimate.stale")).to_be_visible()


def test_a_form_that_cannot_be_estimated_is_shown_with_its_mistake(
    page: Page, url: str, project: Project
) -> None:
    page.goto(f"{url}/dashboard/backups/manual?project={project.id}")
    page.fill("#tags", "nonsense")

    page.click("button:has-text('Estimate first')")

    expect(page.locator("#tags-wrong")).to_be_visible()
    assert page.input_value("#tags") == "nonsense"


def test_many_are_chosen_by_one_box_and_named_before_they_go(
    services: Services, page: Page, url: str, project: Project
) -> None:
    for name in ("one", "two"):
        stored_backup(services, project, name=name)
    page.goto(f"{url}/dashboard/backups/history")
    expect(page.locator("#chosen button").first).to_be_disabled()

    page.check("[aria-label='Choose all on this page']")
    page.click("#chosen button:has-text('Delete')")
    page.fill("#confirm", "delete 2 backups")
    page.click("main form button:has-text('Delete')")

    expect(page.locator(".notice")).to_have_text("Deleted.")
    assert services.ledger.catalog.find(Query(Backup)).items == ()


def test_the_menu_of_a_row_is_reached_by_keyboard_and_locks(
    services: Services, page: Page, url: str, project: Project
) -> None:
    backup = stored_backup(services, project)
    page.goto(f"{url}/dashboard/backups/history?status=completed")

    page.focus(f"[popovertarget='m-{backup.id}']")
    page.keyboard.press("Enter")
    page.focus(f"#m-{backup.id} button:has-text('Lock')")
    page.keyboard.press("Enter")

    expect(page.locator(".notice")).to_contain_text("Locked")
    assert services.backups.get(backup.id).locked
    assert "status=completed" in page.url


def test_a_file_that_was_asked_for_comes_by_itself_and_once(
    services: Services, page: Page, url: str, project: Project
) -> None:
    backup = stored_backup(services, project, b"PGDMP whole")

    with page.expect_download() as waiting:
        page.goto(f"{url}/dashboard/backups/{backup.id}?download=true")

    assert waiting.value.path().read_bytes() == b"PGDMP whole"
    assert "download" not in page.url


def test_deleting_from_the_list_opens_the_question(
    services: Services, page: Page, url: str, project: Project
) -> None:
    backup = stored_backup(services, project)
    page.goto(f"{url}/dashboard/backups/history")

    page.click(f"[popovertarget='m-{backup.id}']")
    page.click(f"#m-{backup.id} a:has-text('Delete')")

    expect(page.locator("#confirm")).to_be_visible()


def test_a_supabase_url_leads_on_to_its_form(page: Page, url: str) -> None:
    page.goto(f"{url}/dashboard/projects/new")
    page.fill("#url", f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@{POOLER}/postgres")
    page.fill("#name", "web")

    page.click("button:has-text('Add and try')")

    expect(page.locator("h1")).to_have_text("Add a Supabase project")
    expect(page.locator("#url")).to_have_value(f"postgresql://postgres.{REF}@{POOLER}/postgres")
    expect(page.locator("#name")).to_have_value("web")


def test_a_password_does_not_stay_in_plain_sight(page: Page, url: str) -> None:
    page.goto(f"{url}/dashboard/projects/supabase")

    page.fill("#url", f"postgresql://postgres.{REF}:s3%40cret@{POOLER}/postgres")

    expect(page.locator("#url")).to_have_value(f"postgresql://postgres.{REF}@{POOLER}/postgres")
    expect(page.locator("#password")).to_have_value("s3@cret")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_full_pages_keep_nobody_out(
    services: Services, page: Page, url: str, width: int, colours: str
) -> None:
    (project, *_) = fill(services, projects=3, backups_each=30)
    backup = stored_backup(services, project, name=LONG, description=LONG, tags={"x": LONG})
    running = stored_backup(
        services, project, status=Status.IN_PROGRESS, steps=steps_from(NOON, *WAY), attempt=2
    )
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if colours == "dark" else "light")

    for path in (
        "/",
        "/dashboard/backups/history",
        f"/dashboard/backups/{backup.id}",
        f"/dashboard/backups/{running.id}",
        "/dashboard/backups/manual",
        f"/dashboard/projects/{project.id}",
    ):
        page.goto(url + path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
