"""What callers may send about channels."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from chalicelib.api.requests.fields import Body, OneLine, Patch, RecordId, TagMap
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.notices import NoticeKind

CHOSEN: Final = tuple(kind for kind in NoticeKind if kind is not NoticeKind.CHANNEL_TEST)


def _choosable(events: tuple[NoticeKind, ...]) -> tuple[NoticeKind, ...]:
    # a test goes to the channel it is about, whatever the channel wants
    if NoticeKind.CHANNEL_TEST in events:
        raise ValueError("channel.test cannot be chosen: a test always arrives")
    return events


Events = Annotated[
    tuple[NoticeKind, ...], Field(max_length=len(CHOSEN)), AfterValidator(_choosable)
]
Projects = Annotated[tuple[RecordId, ...], Field(max_length=1000)]
ChannelUrl = Annotated[SecretStr, Field(min_length=1, max_length=2048)]


class ChannelCreate(Body):
    """Describe a new channel; no events or projects means all of them.

    `url` is a webhook's https URL, an URL of Apprise, or the ARN of an SNS topic, by `kind`. A
    notice must be about a project that has all of `tags`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "on call",
                    "kind": "webhook",
                    "url": "https://hooks.example.org/holdfast/7d1f",
                    "events": ["backup.failed", "backup.missed", "proof.failed"],
                    "tags": {"stage": "production"},
                }
            ]
        }
    )

    name: OneLine
    kind: ChannelKind
    url: ChannelUrl
    events: Events = ()
    projects: Projects = ()
    tags: TagMap = {}
    enabled: bool = True


class ChannelPatch(Patch):
    """Change a channel; a field left out stays as it is, the signing secret always does."""

    name: OneLine | None = None
    url: ChannelUrl | None = None
    events: Events | None = None
    projects: Projects | None = None
    tags: TagMap | None = None
    enabled: bool | None = None
