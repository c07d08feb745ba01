"""The worker that delivers notices, as a process, to a receiver that listens for real."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from chalicelib.bootstrap.services import Services
from chalicelib.domain.channel import Channel, ChannelKind, Delivery, DeliveryState
from chalicelib.domain.execution import Work
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Query, Replace, Write
from chalicelib.services.channels import NewChannel
from tests.support.receiver import Receiver, receiver
from tests.support.stack import EMBEDDED, Stack, opened
from tests.support.waiting import PATIENCE_S, await_that

ROUND = "20260301T1200"


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(EMBEDDED, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def services(stack: Stack) -> Services:
    return stack.services


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def channel_to(services: Services, url: str, kind: ChannelKind = ChannelKind.WEBHOOK) -> Channel:
    return services.channels.create("test", NewChannel("hook", kind, SecretStr(url)))[0]


def tell(services: Services) -> None:
    write = services.ledger.notice(NoticeKind.BACKUP_FAILED, "B1", "P1", message="it broke")
    services.ledger.catalog.commit([write])


def work(stack: Stack) -> tuple[int, bytes]:
    """Let a worker do one round; return its exit code and what it said."""
    with stack.worker(Work.NOTICES, ROUND) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, errors


def the_delivery(services: Services) -> Delivery:
    (delivery,) = services.ledger.catalog.find(Query(Delivery)).items
    return delivery


def due_now(services: Services) -> None:
    """Let the time of the next try come."""

    def decide(found: Delivery) -> tuple[Write, ...]:
        return (Replace(found.model_copy(update={"next_at": found.created_at})),)

    services.ledger.apply(Delivery, the_delivery(services).id, decide)


def test_a_worker_brings_what_waits(stack: Stack, services: Services, server: Receiver) -> None:
    channel_to(services, server.url())
    tell(services)

    code, _ = work(stack)

    (received,) = server.requests
    assert (code, the_delivery(services).state) == (0, DeliveryState.DELIVERED)
    assert json.loads(received.body)["subject"] == "Backup of P1 failed: it broke"


def test_a_worker_that_was_killed_after_sending_leaves_a_copy_with_the_same_id(
    stack: Stack, services: Services, server: Receiver
) -> None:
    channel_to(services, server.url())
    tell(services)
    held = threading.Event()
    server.before = lambda: held.wait(PATIENCE_S)
    with stack.worker(Work.NOTICES, ROUND) as process:
        await_that(lambda: len(server.requests) == 1)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
    held.set()
    assert the_delivery(services).state is DeliveryState.WAITING
    due_now(services)

    work(stack)

    first, second = server.requests
    assert first.headers["Holdfast-Id"] == second.headers["Holdfast-Id"]
    assert (first.body, the_delivery(services).state) == (second.body, DeliveryState.DELIVERED)


@pytest.mark.parametrize("kind", [ChannelKind.WEBHOOK, ChannelKind.APPRISE])
def test_a_refused_notice_tells_nobody_where_it_went(
    stack: Stack, services: Services, server: Receiver, kind: ChannelKind
) -> None:
    canary = "canary-of-a-channel-81bc"
    server.status = 500
    scheme = "http" if kind is ChannelKind.WEBHOOK else "json"
    channel_to(services, f"{scheme}://127.0.0.1:{server.port}/{canary}", kind)
    tell(services)

    code, said = work(stack)

    folder = services.settings.data
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert (code, len(server.requests), the_delivery(services).tries) == (0, 1, 1)
    assert canary.encode() not in said
    assert not [path for path in files if canary.encode() in path.read_bytes()]
