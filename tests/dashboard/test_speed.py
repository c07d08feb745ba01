"""Every page in time, and small enough, with 10,000 backups behind it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.local.server import web_app
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings
from tests.dashboard.conftest import PUBLIC_URL, Browser
from tests.support.much_history import fill

SERVER_S = 0.060
TRANSFER_BYTES = 120_000
TRIES = 7
HISTORY = "/dashboard/backups/history"
PATHS = {
    "overview": "/",
    "history": HISTORY,
    "history, filtered": f"{HISTORY}?project={{project}}&status=failed",
    "history, text that nothing has": f"{HISTORY}?project={{project}}&q=nothing",
    "history, days": f"{HISTORY}?since=2020-01-01&until=2100-01-01",
    "history, sorted": f"{HISTORY}?sort=largest",
    "history, last page of the sorted": f"{HISTORY}?sort=name&page=20",
    "backup": "/dashboard/backups/{backup}",
    "progress": "/dashboard/backups/{backup}/progress",
    "manual": "/dashboard/backups/manual",
    "project": "/dashboard/projects/{project}",
    "projects": "/dashboard/projects",
    "scheduled": "/dashboard/backups/scheduled",
    "restore": "/dashboard/backups/restore",
    "restores": "/dashboard/restores",
    "keys": "/dashboard/keys",
    "audit": "/dashboard/audit",
    "channels": "/dashboard/channels",
    "settings": "/dashboard/settings",
    "first run": "/dashboard/first-run",
    "new project": "/dashboard/projects/new",
    "new Supabase project": "/dashboard/projects/supabase",
    "edit project": "/dashboard/projects/{project}/edit",
    "retention": "/dashboard/projects/{project}/retention",
    "new schedule": "/dashboard/schedules/new?project={project}",
    "what a schedule means": "/dashboard/schedules/look?cron=daily&daily=7&weekly=5&monthly=12",
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Services:
    settings = Settings(
        data=tmp_path_factory.mktemp("full") / "data",
        public_url=PUBLIC_URL,
        requests_per_minute=0,
        starts_per_minute=0,
        strangers_per_minute=0,
    )
    services = embedded(settings)
    fill(services, projects=10, backups_each=1000)
    return services


@pytest.fixture(scope="module")
def browser(full: Services) -> Iterator[Browser]:
    _, token = full.access.create("test", NewKey("test", Role.ADMIN))
    transport = httpx.WSGITransport(web_app(full))
    with httpx.Client(transport=transport, base_url=PUBLIC_URL) as client:
        client.post("/session", data={"key": token})
        yield Browser(client)


@pytest.fixture
def path_to(full: Services) -> dict[str, str]:
    (project,) = full.ledger.catalog.find(Query(Project, limit=1)).items
    (backup,) = full.ledger.catalog.find(Query(Backup, limit=1)).items
    named = {"project": project.id, "backup": backup.id}
    return {name: path.format(**named) for name, path in PATHS.items()}


@pytest.mark.parametrize("name", PATHS)
def test_a_page_takes_the_server_no_longer_than_it_may(
    browser: Browser, path_to: dict[str, str], name: str
) -> None:
    # the machine has other things to do: what the page itself takes is the least of some tries
    assert min(_took_s(browser, path_to[name]) for _ in range(TRIES)) <= SERVER_S


@pytest.mark.parametrize("name", PATHS)
def test_all_that_a_page_needs_is_small(
    browser: Browser, path_to: dict[str, str], name: str
) -> None:
    page = browser.see(path_to[name])
    links = set(re.findall(r'="(/dashboard/static/[^"]+)"', page))

    loaded = sum(len(browser.http.get(link).content) for link in links)

    assert len(page.encode()) + loaded <= TRANSFER_BYTES


def test_ten_thousand_backups_are_all_reached_page_by_page(browser: Browser) -> None:
    link, pages = f"{HISTORY}?status=failed", 0

    while link:
        seen = browser.see(link)
        found = re.search(r'rel="next" href="([^"]*)"', seen)
        link = HISTORY + found[1].replace("&amp;", "&") if found else ""
        pages += 1

    assert pages == 1110 // 25 + 1


def _took_s(browser: Browser, path: str) -> float:
    # of this thread, which is the server too: what others do on the machine is not the page's
    begun = time.thread_time()
    browser.see(path)
    return time.thread_time() - begun
