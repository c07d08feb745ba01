"""Channels over the API: made, shown without their address, changed, tested, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.project import Project
from tests.support.channels import ScriptedMessenger

CANARY = "canary-of-a-channel-81bc"
URL = f"https://hooks.example.org/{CANARY}"


@pytest.fixture
def make_channel(client: httpx.Client) -> Callable[..., dict[str, object]]:
    def make(**fields: object) -> dict[str, object]:
        body = {"name": "on call", "kind": "webhook", "url": URL} | fields
        answer = client.post("/v1/channels", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return make


def run_job(services: Services, job_id: str, messenger: ScriptedMessenger) -> None:
    """Do what a worker does, with a messenger of ours."""
    kinds = dict.fromkeys(ChannelKind, lambda: messenger)
    adapters = replace(services.adapters, messengers=kinds)
    Services(services.settings, adapters).job_runner("worker-1").run(job_id)


def test_a_channel_is_made_with_a_signing_secret_that_is_shown_once(
    client: httpx.Client, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel(events=["backup.failed"])

    shown = client.get(f"/v1/channels/{made['id']}").json()
    assert str(made["signing_secret"]).startswith("hfs_")
    assert (shown["kind"], shown["events"], shown["last"]) == ("webhook", ["backup.failed"], None)
    assert shown["place"] == "https://hooks.example.org/…"
    assert "signing_secret" not in shown


def test_no_answer_no_record_and_no_event_holds_the_address(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel()
    path = f"/v1/channels/{made['id']}"
    client.patch(path, json={"url": f"{URL}-2"})
    told = [client.get(p).text for p in (path, "/v1/channels", "/v1/audit", f"{path}/deliveries")]

    files = [p for p in Path(services.settings.data).rglob("*") if p.is_file()]
    secret = str(made["signing_secret"])
    assert not any(CANARY in text or secret in text for text in told)
    assert not any(CANARY.encode() in p.read_bytes() for p in files)


def test_a_changed_channel_keeps_what_was_left_out(
    client: httpx.Client, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel(events=["backup.missed"])

    changed = client.patch(f"/v1/channels/{made['id']}", json={"enabled": False}).json()

    assert (changed["enabled"], changed["events"]) == (False, ["backup.missed"])


def test_a_new_url_keeps_the_signing_secret(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel()

    client.patch(f"/v1/channels/{made['id']}", json={"url": "https://other.example.org/x"})

    kept = json.loads(services.adapters.secrets.get(f"channels/{made['id']}"))
    assert kept == {
        "url": "https://other.example.org/x",
        "signing_secret": made["signing_secret"],
    }


def test_a_deleted_channel_is_gone_with_its_address(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel()

    answers = [client.delete(f"/v1/channels/{made['id']}").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert client.get("/v1/channels").json()["items"] == []
    assert client.get(f"/v1/channels/{made['id']}").status_code == 404


def test_a_test_is_a_job_whose_result_says_that_it_was_taken(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made, messenger = make_channel(enabled=False), ScriptedMessenger()
    answer = client.post(f"/v1/channels/{made['id']}/test")

    run_job(services, answer.json()["id"], messenger)

    job = client.get(f"/v1/jobs/{answer.json()['id']}").json()
    assert (answer.status_code, job["status"], job["result"]["delivered"]) == (
        202,
        "completed",
        True,
    )
    assert [message.subject for message in messenger.sent] == ["Holdfast reaches this channel"]
    assert client.get(f"/v1/channels/{made['id']}").json()["last"]["delivered"]


def test_a_test_that_was_not_taken_says_why(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel(kind="sns" if services.settings.table else "apprise", url=_other(services))
    job_id = client.post(f"/v1/channels/{made['id']}/test").json()["id"]

    services.job_runner("worker-1").run(job_id)

    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["error"]["code"]) == ("failed", "channel_failed")
    assert not client.get(f"/v1/channels/{made['id']}").json()["last"]["delivered"]


def _other(services: Services) -> str:
    if services.settings.table:
        return "arn:aws:sns:us-east-1:000000000000:nobody-made-this"
    return "slack://this-is-no-token"


def test_what_was_delivered_is_listed_page_by_page(
    client: httpx.Client, services: Services, make_channel: Callable[..., dict[str, object]]
) -> None:
    made = make_channel()
    for _ in range(3):
        write = services.ledger.notice(NoticeKind.BACKUP_FAILED, "B1", "P1")
        services.ledger.catalog.commit([write])
    services.outbox.hand_on()

    path = f"/v1/channels/{made['id']}/deliveries"
    first = client.get(path, params={"limit": 2}).json()
    rest = client.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()

    items = [*first["items"], *rest["items"]]
    ids = [item["notice_id"] for item in items]
    assert (len(ids), ids, rest["next_cursor"]) == (3, sorted(set(ids), reverse=True), None)
    assert {item["state"] for item in items} == {"waiting"}


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "pigeon"},
        {"url": "ftp://hooks.example.org/"},
        {"url": "https://user:word@hooks.example.org/"},
        {"url": ""},
        {"name": ""},
        {"events": ["backup.exploded"]},
        {"events": ["channel.test"]},
        {"projects": ["nobody"]},
        {"tags": {"": "x"}},
        {"signing_secret": "x"},
        {"kind": "apprise"},
        {"kind": "sns", "url": "arn:aws:s3:::bucket"},
    ],
)
def test_channels_that_cannot_be_are_refused(
    client: httpx.Client, change: dict[str, object]
) -> None:
    body = {"name": "on call", "kind": "webhook", "url": f"nonsense {CANARY}"} | change
    if change.keys() & {"name", "events", "projects", "tags", "signing_secret"}:
        body["url"] = URL

    answer = client.post("/v1/channels", json=body)

    assert answer.status_code in {400, 422}
    assert CANARY not in answer.text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_admins_touch_channels(client_for: Callable[..., httpx.Client], role: Role) -> None:
    caller = client_for(role)

    answers = {caller.get("/v1/channels").status_code, caller.post("/v1/channels").status_code}

    assert answers == {403}


def test_admins_of_some_projects_see_no_channels(
    client_for: Callable[..., httpx.Client], project: Project
) -> None:
    assert client_for(Role.ADMIN, projects=(project.id,)).get("/v1/channels").status_code == 403


def test_there_is_room_for_fifty(
    client: httpx.Client, make_channel: Callable[..., dict[str, object]]
) -> None:
    for _ in range(50):
        make_channel()

    body = {"name": "one more", "kind": "webhook", "url": URL}
    assert client.post("/v1/channels", json=body).status_code == 409
