"""What webhooks and Apprise send, and what they say when it was not taken."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from chalicelib.adapters.apprise_messenger import AppriseMessenger
from chalicelib.adapters.http_call import HttpCaller
from chalicelib.adapters.system import SystemClock
from chalicelib.adapters.webhook import WebhookMessenger
from chalicelib.domain.apprise_url import (
    FIXED_HOSTS,
    any_apprise_service,
    fixed_apprise_service,
)
from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.errors import ChannelFailed, InvalidRequest
from chalicelib.domain.http_target import any_http_target, http_target
from chalicelib.domain.message import Message, message_of
from tests.support.receiver import Receiver, receiver

CANARY = "canary-of-a-channel-81bc"
SECRET = "hfs_of-the-receiver"
WEBHOOK = WebhookMessenger(HttpCaller(SystemClock(), deadline_s=2), any_http_target)
APPRISE = AppriseMessenger(any_apprise_service)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def address(url: str, signing_secret: str | None = SECRET) -> ChannelAddress:
    signing = SecretStr(signing_secret) if signing_secret else None
    return ChannelAddress(url=SecretStr(url), signing_secret=signing)


def message(event: str = "backup.failed", **body: str) -> Message:
    notice = Notice(
        id="01JD0000000000000000000000",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        event=event,
        subject_id="B1",
        project_id="P1",
        body=body,
    )
    return message_of(notice, "shop")


def test_a_receiver_can_verify_what_was_sent(server: Receiver) -> None:
    WEBHOOK.send(address(server.url()), message())

    (received,) = server.requests
    headers = received.headers
    signed = headers["Holdfast-Timestamp"].encode() + b"." + received.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Holdfast-Signature"] == f"v1={expected}"
    assert abs(int(headers["Holdfast-Timestamp"]) - datetime.now(UTC).timestamp()) < 60


def test_every_repetition_has_the_same_id_and_body(server: Receiver) -> None:
    for _ in range(2):
        WEBHOOK.send(address(server.url()), message())

    first, second = server.requests
    assert first.headers["Holdfast-Id"] == second.headers["Holdfast-Id"]
    assert first.body == second.body
    assert json.loads(first.body)["id"] == first.headers["Holdfast-Id"]


def test_the_body_says_what_happened_and_what_to_do(server: Receiver) -> None:
    told = message(message="the server refused the password", hint="Check the password.")

    WEBHOOK.send(address(server.url()), told)

    body = json.loads(server.requests[0].body)
    assert body["subject"] == "Backup of shop failed: the server refused the password"
    assert (body["event"], body["hint"]) == ("backup.failed", "Check the password.")


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410, 429, 500, 503])
def test_any_other_answer_than_success_is_a_failure(server: Receiver, status: int) -> None:
    server.status = status

    with pytest.raises(ChannelFailed, match=str(status)):
        WEBHOOK.send(address(server.url()), message())


def test_the_guard_refuses_an_address_even_if_it_was_stored(server: Receiver) -> None:
    guarded = WebhookMessenger(WEBHOOK.caller, http_target)

    with pytest.raises(InvalidRequest):
        guarded.send(address(server.url()), message())

    assert server.requests == []


def test_apprise_delivers_subject_and_text(server: Receiver) -> None:
    url = f"json://127.0.0.1:{server.port}/hook"

    APPRISE.send(address(url, None), message(message="no space left"))

    body = json.loads(server.requests[0].body)
    assert body["title"] == "Backup of shop failed: no space left"
    assert "What to do: Mend the cause" in body["message"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_apprise_failures_tell_nothing_of_the_url(
    server: Receiver, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    server.status, server.headers = status, {"Location": server.url("/elsewhere")}
    url = f"json://user:{CANARY}@127.0.0.1:{server.port}/{CANARY}"

    with pytest.raises(ChannelFailed) as failed:
        APPRISE.send(address(url, None), message())

    told = f"{failed.value!r}{failed.value.message}{failed.value.hint}{capfd.readouterr()}"
    assert CANARY not in told
    assert [request.path for request in server.requests] == [f"/{CANARY}"]


@pytest.mark.parametrize("url", ["nonsense://x", "slack://x", "tgram://x", "mailto://"])
def test_what_apprise_does_not_understand_is_a_failure(url: str) -> None:
    with pytest.raises((ChannelFailed, InvalidRequest)):
        APPRISE.send(address(url, None), message())


@pytest.mark.parametrize(
    "url",
    ["json://127.0.0.1/x", "mailto://a:b@mail.example", "https://hooks.slack.com/x", "ntfy://h/t"],
)
def test_the_guard_leaves_only_services_with_a_host_of_their_own(url: str) -> None:
    assert any_apprise_service(url)

    with pytest.raises(InvalidRequest):
        fixed_apprise_service(url)


def test_services_with_a_host_of_their_own_pass_the_guard() -> None:
    assert {fixed_apprise_service(f"{name}://token") for name in FIXED_HOSTS} == FIXED_HOSTS


@pytest.mark.parametrize(
    "url", ["", "slack", "slack:/x", "sl ack://x", "slack://x y", "slack://\n"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        any_apprise_service(url)
