"""Notices reach every channel that wants them, at least once, whatever any one of them does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import (
    MAX_AGE,
    MAX_TRIES,
    Channel,
    ChannelAddress,
    ChannelResult,
    DeliveryState,
)
from chalicelib.domain.errors import ChannelFailed, NotFound, StorageFailed
from chalicelib.domain.execution import Work
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Query
from chalicelib.services.deliver_notices import NoticeRunner
from chalicelib.services.outbox import BATCH, WAITING, Outbox
from chalicelib.services.projects import ProjectChanges
from tests.support.channels import URL, Post, ScriptedMessenger
from tests.support.world import World


class Killed(BaseException):
    """The death of a worker."""


@pytest.fixture
def post(world: World) -> Post:
    return Post(world, ScriptedMessenger())


def refuse(address: ChannelAddress) -> None:
    raise ChannelFailed("the receiver answered with status 500")


def refuse_first(post: Post) -> Channel:
    """Make a channel that is always refused beside others that are not."""

    def during(address: ChannelAddress) -> None:
        if "dead" in address.url.get_secret_value():
            refuse(address)

    post.messenger.during = during
    return post.channel("https://dead.example.org/")


def kill() -> None:
    raise Killed


def deliver_meanwhile(post: Post) -> None:
    """Let another courier go round while one is at a channel."""
    post.messenger.during = lambda address: None
    post.deliver()


class DeafNotifier:
    """Take nothing."""

    def deliver(self, notice: Notice) -> None:
        raise StorageFailed("nobody listens")


def test_a_notice_reaches_every_channel_that_wants_it(post: Post) -> None:
    post.channel()
    post.channel(events=(NoticeKind.BACKUP_FAILED,))
    post.channel(events=(NoticeKind.BACKUP_COMPLETED,))
    post.channel(projects=("P2",))
    post.channel(enabled=False)
    post.tell()

    post.outbox.drain()

    assert len(post.messenger.sent) == 2
    assert {delivery.state for delivery in post.deliveries()} == {DeliveryState.DELIVERED}


def test_a_channel_with_tags_hears_of_projects_that_have_them_all(post: Post) -> None:
    project = post.world.project()
    tags = {"stage": "production", "team": "a"}
    post.world.services.projects.update("key:1", project.id, ProjectChanges(tags=tags))
    post.channel(tags={"stage": "production"})
    post.channel(tags={"stage": "production", "team": "b"})

    post.tell(project_id=project.id)
    post.outbox.drain()

    assert [message.project for message in post.messenger.sent] == ["shop"]


def test_a_dead_channel_keeps_nothing_from_the_others(post: Post) -> None:
    dead = refuse_first(post)
    post.channel()
    post.tell(5)

    post.outbox.drain()

    waiting = [one for one in post.deliveries() if one.state is DeliveryState.WAITING]
    assert len(post.messenger.sent) == 5
    assert {one.channel_id for one in waiting} == {dead.id}


def test_a_dead_channel_costs_two_tries_a_round(post: Post) -> None:
    refuse_first(post)
    post.tell(5)

    post.outbox.drain()

    assert sum(delivery.tries for delivery in post.deliveries()) == 2


def test_a_failed_try_is_kept_with_its_reason_and_waits_longer_each_time(post: Post) -> None:
    post.messenger.during = refuse
    channel = post.channel()
    post.tell()
    waits = []
    for _ in range(4):
        post.outbox.drain()
        (delivery,) = post.deliveries()
        waits.append(delivery.next_at - post.world.clock.now())
        post.world.clock.turn(waits[-1])

    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert delivery.error is not None
    assert delivery.error.message == "the receiver answered with status 500"
    assert not post.world.adapters.catalog.get(ChannelResult, channel.id).delivered


def test_nothing_is_tried_before_it_is_due(post: Post) -> None:
    post.messenger.during = refuse
    post.channel()
    post.tell()

    counts = [post.outbox.drain() and post.deliveries()[0].tries for _ in range(3)]

    assert (counts[0], post.deliveries()[0].tries) == (1, 1)


def test_a_delivery_is_given_up_after_its_last_try(post: Post) -> None:
    post.messenger.during = refuse
    post.channel()
    post.tell()
    for _ in range(MAX_TRIES + 3):
        post.outbox.drain()
        post.world.clock.turn(timedelta(hours=1.6))

    (delivery,) = post.deliveries()
    assert (delivery.state, delivery.tries) == (DeliveryState.GIVEN_UP, MAX_TRIES)
    assert delivery.error is not None
    assert delivery.error.code == "channel_failed"


def test_old_news_is_given_up_untried(post: Post) -> None:
    post.channel()
    post.tell()
    post.outbox.hand_on()
    post.world.clock.turn(MAX_AGE + timedelta(minutes=1))

    post.deliver()

    (delivery,) = post.deliveries()
    assert (delivery.state, delivery.tries, post.messenger.sent) == (
        DeliveryState.GIVEN_UP,
        0,
        [],
    )


def test_a_crash_before_sending_sends_later(post: Post) -> None:
    post.channel()
    post.tell()
    post.messenger.during = lambda address: kill()
    with pytest.raises(Killed):
        post.outbox.drain()

    post.messenger.during = lambda address: None
    post.world.clock.turn(timedelta(minutes=2))
    post.outbox.drain()

    assert len(post.messenger.sent) == 1


def test_a_crash_after_sending_sends_again_under_the_same_id(post: Post) -> None:
    post.channel()
    post.tell()
    post.messenger.after = kill
    with pytest.raises(Killed):
        post.outbox.drain()

    post.messenger.after = lambda: None
    post.world.clock.turn(timedelta(minutes=2))
    post.outbox.drain()

    first, second = post.messenger.sent
    assert (first.id, first.json_body()) == (second.id, second.json_body())
    assert post.deliveries()[0].state is DeliveryState.DELIVERED


def test_what_kills_its_worker_is_given_up_too(post: Post) -> None:
    post.channel()
    post.tell()
    post.messenger.during = lambda address: kill()
    for _ in range(MAX_TRIES):
        with pytest.raises(Killed):
            post.outbox.drain()
        post.world.clock.turn(timedelta(hours=1))

    assert post.deliveries()[0].tries == MAX_TRIES


def test_two_couriers_at_once_send_each_notice_once(post: Post) -> None:
    post.channel()
    post.tell(3)
    post.outbox.hand_on()
    post.messenger.during = lambda address: deliver_meanwhile(post)

    post.deliver()

    ids = [message.id for message in post.messenger.sent]
    assert len(ids) == len(set(ids)) == 3


def test_a_big_backlog_goes_out_in_rounds_that_end_in_time(post: Post) -> None:
    post.channel()
    post.tell(250)
    while post.outbox.hand_on():
        pass
    post.messenger.after = lambda: post.world.clock.turn(timedelta(seconds=1))

    rounds = [post.deliver() for _ in range(14)]

    assert max(rounds) == 20  # of one second each, in a budget of 20 s
    assert sum(rounds) == 250
    assert len({message.id for message in post.messenger.sent}) == 250


def test_a_dead_notifier_keeps_nothing_from_channels(post: Post) -> None:
    post.channel()
    post.tell()
    deaf = Outbox(post.world.services.ledger, DeafNotifier(), post.courier)

    handed = [deaf.drain() for _ in range(3)]

    assert (handed, len(post.messenger.sent)) == ([0, 0, 0], 1)


def test_a_dead_channel_changes_nothing_about_a_backup(post: Post) -> None:
    post.messenger.during = refuse
    post.channel()
    backup = post.world.request()
    runner = post.world.services.backup_runner("worker-1")

    done = replace(runner, outbox=post.outbox).run(backup.id)

    assert (done.status.value, post.deliveries()[0].tries) == ("completed", 1)


def test_the_sweeper_sends_for_a_worker_and_never_calls_a_channel(post: Post) -> None:
    post.channel()
    post.tell()

    post.world.services.sweeper.sweep()
    post.world.services.sweeper.sweep()

    started = [execution.work for execution in post.world.workflow.take(10)]
    assert (started, post.messenger.sent) == ([Work.NOTICES], [])


def test_the_worker_that_was_sent_for_delivers(post: Post) -> None:
    post.channel()
    post.tell()
    post.world.services.sweeper.sweep()

    taken = NoticeRunner(post.outbox, post.courier).run("20260301T1200")

    assert (taken, len(post.messenger.sent)) == (1, 1)
    assert not post.courier.is_waited_for()


def test_a_backlog_of_notices_is_handed_on_by_a_worker(post: Post) -> None:
    post.tell(250)

    report = post.world.services.sweeper.sweep()
    started = [execution.work for execution in post.world.workflow.take(10)]
    NoticeRunner(post.outbox, post.courier).run("20260301T1200")

    left = post.world.adapters.catalog.find(Query(Notice, index=("state", WAITING))).items
    assert (report.notices, started, left) == (BATCH, [Work.NOTICES], ())


def test_what_waited_for_a_deleted_channel_is_left(post: Post) -> None:
    channel = post.channel()
    post.tell()
    post.outbox.hand_on()

    post.world.services.channels.delete("key:1", channel.id)
    post.outbox.drain()

    assert post.messenger.sent == []
    with pytest.raises(NotFound):
        post.world.adapters.secrets.get(channel.secret_name)


def test_old_deliveries_are_forgotten(post: Post) -> None:
    post.channel()
    post.tell()
    post.outbox.drain()
    post.world.clock.turn(timedelta(days=31))

    post.world.services.sweeper.sweep()

    left = post.world.adapters.catalog.find(Query(Notice)).items
    assert (post.deliveries(), left) == ([], ())


def test_no_record_holds_the_address(post: Post) -> None:
    post.messenger.during = refuse
    post.channel()
    post.tell()
    post.outbox.drain()

    folder = post.world.services.settings.data
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert [path for path, data in files.items() if b"canary-of-a-channel" in data] == []
    assert "canary" in URL
