from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.project import Project

DAY = timedelta(hours=24)


@pytest.fixture
def anybody(client_for: Callable[..., httpx.Client]) -> httpx.Client:
    """A client without a key."""
    return client_for(None)


@pytest.fixture
def make_link(client: httpx.Client, backup: Backup) -> Callable[..., dict[str, str]]:
    def make(**fields: object) -> dict[str, str]:
        answer = client.post(f"/v1/backups/{backup.id}/links", json=fields)
        made: dict[str, str] = answer.raise_for_status().json()
        return made

    return make


@pytest.mark.embedded_only  # tests/stack follows the links of S3
def test_a_link_leads_to_the_bytes_without_a_key(
    make_link: Callable[..., dict[str, str]], anybody: httpx.Client
) -> None:
    link = make_link()

    answer = anybody.get(link["url"], follow_redirects=True)

    assert link["url"] == f"http://holdfast.test/downloads/{link['token']}"
    assert answer.content == b"PGDMP and more"
    assert "database.dump" in answer.headers["content-disposition"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redeeming_redirects_and_is_kept_nowhere(
    make_link: Callable[..., dict[str, str]], anybody: httpx.Client, method: str
) -> None:
    answer = anybody.request(method, make_link()["url"])

    assert answer.status_code == 302
    assert urlsplit(answer.headers["location"]).path.endswith("/database.dump")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_look_at_a_link_is_no_use_of_it(
    client: httpx.Client,
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    backup: Backup,
) -> None:
    link = make_link()

    assert anybody.head(link["url"]).status_code == 405
    assert client.get(f"/v1/backups/{backup.id}/links").json()["items"][0]["uses"] == 0


def test_one_use_opens_a_day_for_resuming(
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    advance: Callable[[timedelta], None],
) -> None:
    link = make_link(lifetime_s=30 * 86400)
    assert anybody.get(link["url"]).status_code == 302

    advance(DAY - timedelta(seconds=1))
    assert anybody.get(link["url"]).status_code == 302

    advance(timedelta(seconds=1))
    assert anybody.get(link["url"]).status_code == 404


def test_each_use_opens_a_day_of_its_own(
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    advance: Callable[[timedelta], None],
) -> None:
    link = make_link(lifetime_s=30 * 86400, max_uses=2)
    answers = []

    for _ in range(3):
        answers.append(anybody.get(link["url"]).status_code)
        advance(DAY)

    assert answers == [302, 302, 404]


def test_an_expired_link_is_gone_even_within_its_day(
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    advance: Callable[[timedelta], None],
) -> None:
    link = make_link(lifetime_s=60)
    assert anybody.get(link["url"]).status_code == 302

    advance(timedelta(seconds=60))

    assert anybody.get(link["url"]).status_code == 404


@pytest.mark.embedded_only  # S3 lives by a clock of its own
def test_the_signed_url_does_not_outlive_the_link(
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    advance: Callable[[timedelta], None],
) -> None:
    signed = anybody.get(make_link(lifetime_s=60)["url"]).headers["location"]
    assert anybody.get(signed).status_code == 200

    advance(timedelta(seconds=61))

    assert anybody.get(signed).status_code == 404


def test_a_revoked_link_is_gone(
    client: httpx.Client,
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    backup: Backup,
) -> None:
    link = make_link()
    path = f"/v1/backups/{backup.id}/links/{link['id']}"

    answers = [client.delete(path).status_code for _ in range(2)]

    assert answers == [204, 204]
    assert anybody.get(link["url"]).status_code == 404


@pytest.mark.parametrize("change", ["{id}.", "{id}.x{secret}", "{secret}.{id}", "{id}", ".", "é.é"])
def test_a_token_that_is_not_ours_is_gone(
    make_link: Callable[..., dict[str, str]], anybody: httpx.Client, change: str
) -> None:
    link_id, _, secret = make_link()["token"].partition(".")

    answer = anybody.get("/downloads/" + change.format(id=link_id, secret=secret))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_all_dead_links_look_alike(
    client: httpx.Client,
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    backup: Backup,
) -> None:
    revoked = make_link()
    client.delete(f"/v1/backups/{backup.id}/links/{revoked['id']}")

    answers = {anybody.get(url).text for url in (revoked["url"], "/downloads/no.such")}

    assert len(answers) == 1


def test_deleting_the_backup_kills_its_links(
    client: httpx.Client,
    make_link: Callable[..., dict[str, str]],
    anybody: httpx.Client,
    backup: Backup,
) -> None:
    link = make_link()
    signed = anybody.get(link["url"]).headers["location"]

    client.delete(f"/v1/backups/{backup.id}").raise_for_status()

    assert anybody.get(link["url"]).status_code == 404
    assert anybody.get(signed).status_code == 404


@pytest.mark.parametrize("state", [{"status": Status.FAILED}, {"chore": Chore.DELETE}])
def test_only_completed_backups_have_links(
    client: httpx.Client,
    make_backup: Callable[..., Backup],
    project: Project,
    state: dict[str, object],
) -> None:
    backup = make_backup(project, **state)

    assert client.post(f"/v1/backups/{backup.id}/links").status_code == 409


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "body",
    [
        {"lifetime_s": 0},
        {"lifetime_s": 30 * 86400 + 1},
        {"lifetime_s": 1.5},
        {"max_uses": 0},
        {"max_uses": 1001},
        {"max_uses": "3"},
        {"artefact": "manifest.json/../x"},
        {"artefact": "no-such"},
        {"url": "http://x"},
    ],
)
def test_links_that_cannot_be_are_refused(
    client: httpx.Client, backup: Backup, body: dict[str, object]
) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/links", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_listed_link_does_not_show_its_token(
    client: httpx.Client, make_link: Callable[..., dict[str, str]], backup: Backup
) -> None:
    secret = make_link()["token"].partition(".")[2]

    answer = client.get(f"/v1/backups/{backup.id}/links")

    assert len(answer.json()["items"]) == 1
    assert secret not in answer.text


def test_a_link_is_revoked_through_its_own_backup_only(
    client: httpx.Client,
    make_link: Callable[..., dict[str, str]],
    make_backup: Callable[..., Backup],
    project: Project,
) -> None:
    link, other = make_link(), make_backup(project)

    answer = client.delete(f"/v1/backups/{other.id}/links/{link['id']}")

    assert answer.status_code == 404
    assert client.get(urlsplit(link["url"]).path).status_code == 302
