"""Notices to an SNS topic, as JSON, with attributes that subscriptions can filter on."""

from __future__ import annotations

from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import ask
from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.errors import ChannelFailed, HoldfastError
from chalicelib.domain.message import Message

MAX_SUBJECT_LETTERS: Final = 99
"""The service takes subjects of fewer than 100 printable ASCII letters."""


class TopicClient(Protocol):
    """Name the calls made of the client of boto3."""

    def publish(self, **arguments: object) -> dict[str, Any]:
        """Hand a message to a topic."""
        ...


class SnsNotifier:
    """Publish each notice once per delivery; its id lets receivers drop repetitions."""

    def __init__(self, client: TopicClient, topic_arn: str) -> None:
        """Name the topic."""
        self._client = client
        self._topic_arn = topic_arn

    def deliver(self, notice: Notice) -> None:
        """Hand the notice to the topic; returning means that the service has it."""
        ask(
            self._client.publish,
            f"publish the notice {notice.id}",
            TopicArn=self._topic_arn,
            Subject=_ascii(f"Holdfast: {notice.event}"),
            Message=notice.model_dump_json(exclude={"revision", "state", "tries"}),
            MessageAttributes=_attributes(notice),
        )


class SnsMessenger:
    """Publish messages to topics that channels name; the text is for people, as in e-mail."""

    def __init__(self, client: TopicClient) -> None:
        """Use the client."""
        self._client = client

    def send(self, address: ChannelAddress, message: Message) -> None:
        """Hand the message to the channel's topic."""
        try:
            ask(
                self._client.publish,
                f"publish the notice {message.id}",
                TopicArn=address.url.get_secret_value(),
                Subject=_ascii(message.subject),
                Message=f"{message.subject}\n\n{message.text}\n",
                MessageAttributes=_attributes(message),
            )
        except HoldfastError as error:
            raise ChannelFailed(
                "the topic did not take the message",
                hint="Check the topic's ARN and that the worker's role may publish to it.",
            ) from error


def _ascii(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return "".join(one if one.isprintable() else "?" for one in plain)[:MAX_SUBJECT_LETTERS]


def _attributes(notice: Notice | Message) -> dict[str, dict[str, str]]:
    # An attribute without a value is refused, and a filter treats it as a missing one anyway.
    values = {"event": notice.event, "project_id": notice.project_id}
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in values.items()
        if value
    }
