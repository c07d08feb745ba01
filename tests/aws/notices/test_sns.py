"""Notices reach who has subscribed to the topic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.adapters.aws.sns_notifier import MAX_SUBJECT_LETTERS, SnsMessenger, SnsNotifier
from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.errors import ChannelFailed, StorageFailed
from chalicelib.domain.message import message_of
from tests.support.ministack import Ministack, fresh, ministack_of


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


def notice(event: str = "backup.failed", project_id: str = "p1") -> Notice:
    fields = {"id": "N1", "at": "2026-01-02T00:00:00Z", "event": event, "subject_id": "B1"}
    return Notice.model_validate(fields | {"project_id": project_id, "body": {"code": "cancelled"}})


class Mailbox:
    """Be a queue that is subscribed to a topic."""

    def __init__(self, server: Ministack) -> None:
        self._queues = server.client("sqs")
        topics = server.client("sns")
        self.topic: str = topics.create_topic(Name=fresh("notices"))["TopicArn"]
        self._url = self._queues.create_queue(QueueName=fresh("mail"))["QueueUrl"]
        asked = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        arn = asked["Attributes"]["QueueArn"]
        topics.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def receive(self) -> dict[str, Any]:
        got = self._queues.receive_message(QueueUrl=self._url, WaitTimeSeconds=5)
        message: dict[str, Any] = json.loads(got["Messages"][0]["Body"])
        return message


def test_a_notice_arrives_as_json_with_what_filters_need(server: Ministack) -> None:
    mailbox = Mailbox(server)

    SnsNotifier(server.client("sns"), mailbox.topic).deliver(notice())

    message = mailbox.receive()
    body = json.loads(message["Message"])
    assert (body["id"], body["event"], body["body"]) == (
        "N1",
        "backup.failed",
        {"code": "cancelled"},
    )
    assert not body.keys() & {"revision", "state", "tries"}
    assert message["Subject"] == "Holdfast: backup.failed"
    assert message["MessageAttributes"]["event"]["Value"] == "backup.failed"
    assert message["MessageAttributes"]["project_id"]["Value"] == "p1"


@pytest.mark.parametrize("event", ["", "ü" * 200, "a\nb", "x" * 500])
def test_any_event_makes_a_subject_the_service_takes(server: Ministack, event: str) -> None:
    mailbox = Mailbox(server)

    SnsNotifier(server.client("sns"), mailbox.topic).deliver(notice(event, project_id=""))

    subject = mailbox.receive()["Subject"]
    assert len(subject) <= MAX_SUBJECT_LETTERS
    assert subject.isascii()
    assert subject.isprintable()


class RecordingClient:
    """Keep what was published."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **arguments: object) -> dict[str, Any]:
        self.published.append(arguments)
        return {}


def test_no_attribute_is_sent_empty() -> None:
    client = RecordingClient()

    SnsNotifier(client, "topic").deliver(notice(project_id=""))

    assert client.published[0]["MessageAttributes"].keys() == {"event"}


def test_a_missing_topic_is_a_storage_failure(server: Ministack) -> None:
    topic = "arn:aws:sns:eu-central-1:000000000000:nowhere"

    with pytest.raises(StorageFailed):
        SnsNotifier(server.client("sns"), topic).deliver(notice())


def test_a_channel_s_topic_gets_words_for_people(server: Ministack) -> None:
    mailbox = Mailbox(server)
    address = ChannelAddress(url=SecretStr(mailbox.topic))

    SnsMessenger(server.client("sns")).send(address, message_of(notice(), "shöp"))

    message = mailbox.receive()
    assert message["Subject"] == "Backup of sh?p failed"
    assert message["Message"].startswith("Backup of shöp failed\n\nWhat to do: ")
    assert message["MessageAttributes"]["event"]["Value"] == "backup.failed"


def test_a_channel_s_missing_topic_is_a_failure_of_the_channel(server: Ministack) -> None:
    address = ChannelAddress(url=SecretStr("arn:aws:sns:eu-central-1:000000000000:canary-topic"))

    with pytest.raises(ChannelFailed) as failed:
        SnsMessenger(server.client("sns")).send(address, message_of(notice(), "shop"))

    assert "canary" not in failed.value.message
