"""Notices by their pages: channels made, tried, changed, deleted, and their secrets kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Status
from chalicelib.domain.channel import Channel, delivery_of, failed, given_up
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query, Replace
from tests.dashboard.conftest import Browser

PAGE = "/dashboard/channels"
URL = "https://hooks.example.org/secret-path"
BROKEN = ErrorInfo(code="channel_failed", message="nobody <b>answers</b>", hint="Look.")


def _all(services: Services) -> tuple[Channel, ...]:
    return services.channels.find(Query(Channel)).items


@pytest.fixture
def channel(services: Services, browser: Browser) -> Channel:
    browser.post(PAGE, name="on call", kind="webhook", url=URL)
    (made,) = _all(services)
    return made


def test_a_channel_is_made_and_its_signing_secret_shown_once(
    services: Services, browser: Browser, project: Project
) -> None:
    ticked = {"event.backup.failed": "true", "event.proof.failed": "true"}

    made = browser.post(PAGE, name="on call", url=URL, project=project.id, **ticked).text

    (channel,) = _all(services)
    secret = made.partition('<code class="secret">')[2].partition("<")[0]
    assert channel.events == (NoticeKind.BACKUP_FAILED, NoticeKind.PROOF_FAILED)
    assert channel.projects == (project.id,)
    assert secret.startswith("hfs_")
    seen = browser.see(f"{PAGE}/{channel.id}") + browser.see(PAGE)
    assert "secret-path" not in made + seen
    assert secret not in seen


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"url": "ftp://hooks.example.org"}, "url"),
        ({"url": URL, "kind": "pigeon"}, "kind"),
        ({"url": "", "kind": "webhook"}, "url"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_no_url_is_sent_back(
    services: Services, browser: Browser, fields: dict[str, str], wrong: str
) -> None:
    answer = browser.post(PAGE, name="kept", **{"event.proof.failed": "true"}, **fields)

    assert answer.status_code == 422
    assert f'id="{wrong}-wrong"' in answer.text
    assert 'value="kept"' in answer.text
    assert 'name="event.proof.failed" value="true" checked' in answer.text
    assert 'name="event.backup.failed" value="true" checked' not in answer.text
    assert "hooks.example.org/secret" not in answer.text
    assert _all(services) == ()


def test_an_event_that_is_none_is_refused(services: Services, browser: Browser) -> None:
    answer = browser.post(PAGE, name="x", url=URL, **{"event.made.up": "true"})

    assert answer.status_code == 422
    assert _all(services) == ()


def test_what_became_of_each_delivery_is_shown(
    services: Services, browser: Browser, channel: Channel
) -> None:
    now = services.ledger.clock.now()
    for number, end in enumerate((failed, given_up)):
        notice = Notice(
            id=services.ledger.ids.new(), at=now, event="backup.failed", subject_id="b",
            project_id="", body={"name": str(number)},
        )  # fmt: skip
        delivery = end(delivery_of(notice, channel, now - timedelta(hours=1)), now, BROKEN)
        services.ledger.catalog.commit([Insert(delivery)])

    seen = browser.see(f"{PAGE}/{channel.id}")

    assert seen.count("nobody &lt;b&gt;answers") == 2
    assert ">waiting<" in seen
    assert ">given-up<" in seen


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"status": Status.PENDING}, "A worker is sending a test"),
        ({"status": Status.COMPLETED, "result": {}}, "The test was delivered."),
        ({"status": Status.FAILED, "error": BROKEN}, "nobody &lt;b&gt;answers"),
    ],
)
def test_a_test_is_sent_by_a_worker_and_its_end_is_told(
    services: Services, browser: Browser, channel: Channel, ended: dict[str, object], said: str
) -> None:
    answer = browser.post(f"{PAGE}/{channel.id}/test")
    (job,) = services.ledger.catalog.find(Query(Job)).items
    services.ledger.catalog.commit([Replace(job.model_copy(update=ended))])

    assert job.job_kind is JobKind.CHANNEL_TEST
    assert said in browser.see(answer.headers["location"])


def test_a_channel_is_changed_paused_and_deleted(
    services: Services, browser: Browser, channel: Channel
) -> None:
    path = f"{PAGE}/{channel.id}"
    browser.post(path, name="night shift", **{"event.backup.missed": "true"})
    browser.post(f"{path}/pause", enabled="false")
    changed = services.channels.get(channel.id)
    browser.post(f"{path}/delete")

    assert (changed.name, changed.events, changed.enabled, changed.place) == (
        "night shift",
        (NoticeKind.BACKUP_MISSED,),
        False,
        channel.place,
    )
    assert "Nobody is told yet" in browser.see(PAGE)
    browser.see(path, status=404)


def test_the_test_of_another_channel_is_not_shown(
    services: Services, browser: Browser, channel: Channel
) -> None:
    browser.post(PAGE, name="other", url=URL)
    other = next(one for one in _all(services) if one.id != channel.id)
    job = services.channels.test("test", other.id)

    browser.see(f"{PAGE}/{channel.id}/tests/{job.id}", status=404)
