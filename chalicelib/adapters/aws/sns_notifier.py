"""Notices to an SNS topic, as JSON, with attributes that subscriptions can filter on."""

from __future__ import annotations

from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import ask
from chalicelib.domain.audit import Notice

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
            Subject=_subject(notice),
            Message=notice.model_dump_json(exclude={"revision", "state", "tries"}),
            MessageAttributes=_attributes(notice),
        )


def _subject(notice: Notice) -> str:
    text = f"Holdfast: {notice.event}".encode("ascii", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:MAX_SUBJECT_LETTERS]


def _attributes(notice: Notice) -> dict[str, dict[str, str]]:
    # An attribute without a value is refused, and a filter treats it as a missing one anyway.
    values = {"event": notice.event, "project_id": notice.project_id}
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in values.items()
        if value
    }
