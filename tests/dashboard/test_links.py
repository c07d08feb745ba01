"""Links: shown once, looked at without being used up, used by a button."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.link import Link
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.local.server import web_app
from chalicelib.ports import Redeemer
from chalicelib.services.links import NewLink
from tests.dashboard.conftest import PUBLIC_URL, Browser
from tests.support.completed import stored_backup

Anonymous = Callable[[], httpx.Client]
ADDRESS = re.compile(rf'class="secret">{PUBLIC_URL}(/links/[^<]+)<')


@pytest.fixture
def backup(services: Services, project: Project) -> Backup:
    return stored_backup(services, project, b"PGDMP bytes")


@pytest.fixture
def make_link(browser: Browser, backup: Backup) -> Callable[..., str]:
    """Make a link by its form, and return the path that is shown."""

    def make(**fields: str) -> str:
        answer = browser.post(f"/dashboard/backups/{backup.id}/links", **fields)
        found = ADDRESS.search(answer.text)
        assert found is not None, answer.text
        return found[1]

    return make


def _link(services: Services) -> Link:
    return services.ledger.catalog.find(Query(Link)).items[0]


def test_looking_at_a_link_uses_nothing_up(
    services: Services, anonymous: Anonymous, make_link: Callable[..., str]
) -> None:
    seen = anonymous().get(make_link(uses="2")).text

    assert "database.dump" in seen
    assert "2 of 2" in seen
    assert _link(services).uses == 0


def test_the_button_hands_the_file_out_and_takes_one_use(
    services: Services, anonymous: Anonymous, make_link: Callable[..., str]
) -> None:
    client, path = anonymous(), make_link(uses="2")

    answer = client.post(path, headers=FORM)

    assert client.get(answer.headers["location"]).content == b"PGDMP bytes"
    assert _link(services).uses_left == 1


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/links/x", "/links/a.b", "/links/01JD0000000000000000000000.x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_made_up_link_leads_nowhere(anonymous: Anonymous, path: str, method: str) -> None:
    answer = anonymous().request(method, path, headers=FORM if method == "POST" else {})

    assert answer.status_code == 404
    assert "not valid" in answer.text


def test_a_link_that_was_ended_works_no_more(
    services: Services, browser: Browser, backup: Backup, make_link: Callable[..., str]
) -> None:
    path = make_link()

    browser.post(f"/dashboard/backups/{backup.id}/links/{_link(services).id}/revoke")

    assert browser.http.get(path).status_code == 404
    assert "End it" not in browser.see(f"/dashboard/backups/{backup.id}")


def test_a_link_shows_its_time_and_uses_on_the_page_of_its_backup(
    browser: Browser, backup: Backup, make_link: Callable[..., str]
) -> None:
    path = make_link(hours="2", uses="3")

    seen = browser.see(f"/dashboard/backups/{backup.id}")

    assert "<time-left until=" in seen
    assert "3 of 3" in seen
    assert path.rpartition(".")[2] not in seen


@pytest.mark.parametrize(
    ("field", "value"), [("hours", "0"), ("hours", "721"), ("uses", "x"), ("artefact", "other")]
)
def test_a_link_that_cannot_be_is_told_beside_its_field(
    services: Services, browser: Browser, backup: Backup, field: str, value: str
) -> None:
    answer = browser.post(f"/dashboard/backups/{backup.id}/links", **{field: value})

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert services.ledger.catalog.find(Query(Link)).items == ()


class _StoreElsewhere:
    """Sign for a store with a host of its own, as S3 is."""

    def redeem(self, token: str) -> str:
        return "https://bucket.example/object?signature=1&expires=2"


class _ElsewhereServices(Services):
    @cached_property
    def redeemer(self) -> Redeemer:
        return _StoreElsewhere()


def test_a_store_with_a_host_of_its_own_is_reached_past_the_policy_of_forms(
    services: Services, project: Project
) -> None:
    backup = stored_backup(services, project)
    _, token = services.links.create("test", backup, NewLink())
    elsewhere = web_app(_ElsewhereServices(services.settings, services.adapters))

    with httpx.Client(transport=httpx.WSGITransport(elsewhere), base_url=PUBLIC_URL) as client:
        answer = client.post(f"/links/{token}", headers=FORM)

    # browsers refuse to follow a form's redirect to where forms may not lead
    assert answer.status_code == 200
    assert 'content="0; url=https://bucket.example/object?signature=1&amp;expires=2"' in answer.text


def test_the_page_of_a_link_tells_strangers_no_names(
    services: Services, anonymous: Anonymous, make_link: Callable[..., str], project: Project
) -> None:
    seen = anonymous().get(make_link()).text

    assert project.name not in seen
    assert "nightly" not in seen
