"""Channels: where notices go, which of them, and what became of each delivery.

A channel's URL is a secret as often as not (a webhook's path, a bot's token), so records hold only
`place`, which tells people which one it is. A notice becomes one delivery per matching channel;
each is tried on its own, so that a dead channel holds up no other.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, SecretStr

from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Name, Tags
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Id, Moment, Record

MAX_CHANNELS: Final = 50
"""A notice and its deliveries are written in one commit, which takes 100 items on DynamoDB."""
MAX_TRIES: Final = 12
MAX_AGE: Final = timedelta(hours=24)
"""News older than this wakes nobody usefully; the record of it stays."""
KEEP_DELIVERIES: Final = timedelta(days=30)
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)


class ChannelKind(StrEnum):
    """Name how a channel is reached."""

    APPRISE = "apprise"
    WEBHOOK = "webhook"
    SNS = "sns"


class DeliveryState(StrEnum):
    """Say where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


class Channel(Record):
    """Say what goes where; no events or projects at all means all of them.

    `tags` must all be on the project of a notice.
    """

    kind: ClassVar[str] = "channel"

    name: Name
    channel_kind: ChannelKind
    place: str
    events: tuple[NoticeKind, ...] = ()
    projects: tuple[str, ...] = ()
    tags: Tags = {}
    enabled: bool = True
    created_at: Moment
    updated_at: Moment
    created_by: str

    @property
    def secret_name(self) -> str:
        """The name of its address in the secrets."""
        return f"channels/{self.id}"

    def wants(self, notice: Notice, tags: Tags) -> bool:
        """Tell whether a notice about a project with these tags goes here."""
        return (
            self.enabled
            and (not self.events or notice.event in self.events)
            and (not self.projects or notice.project_id in self.projects)
            and self.tags.items() <= tags.items()
        )


class ChannelAddress(BaseModel):
    """Hold what only senders may know: the URL, and the key that signs what goes there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr
    signing_secret: SecretStr | None = None

    def written(self) -> str:
        """Return the address as the secrets keep it."""
        values = {"url": self.url, "signing_secret": self.signing_secret}
        # of a SecretStr pydantic writes asterisks, so a model of plain text writes what it holds
        shown = {name: value.get_secret_value() for name, value in values.items() if value}
        return _Written(**shown).model_dump_json(exclude_none=True)


class _Written(BaseModel):
    url: str
    signing_secret: str | None = None


class ChannelResult(Record):
    """Remember the last try at a channel; apart from it, so that tries never race changes."""

    kind: ClassVar[str] = "channel-result"

    at: Moment
    delivered: bool
    error: ErrorInfo | None = None


class Delivery(Record):
    """Bring one notice to one channel; its id is the notice's and the channel's.

    `queue` names the channel while the delivery waits, and nothing afterwards.
    """

    kind: ClassVar[str] = "delivery"
    indexes: ClassVar[tuple[str, ...]] = ("queue", "channel_id")

    channel_id: Id
    notice_id: Id
    queue: Id | None
    state: DeliveryState = DeliveryState.WAITING
    created_at: Moment
    next_at: Moment
    tries: int = 0
    ended_at: Moment | None = None
    error: ErrorInfo | None = None


def delivery_of(notice: Notice, channel: Channel, now: datetime) -> Delivery:
    """Return the delivery of a notice to a channel, due at once."""
    return Delivery(
        id=f"{notice.id}-{channel.id}",
        channel_id=channel.id,
        notice_id=notice.id,
        queue=channel.id,
        created_at=now,
        next_at=now,
    )


def claimed(delivery: Delivery, now: datetime, chance: float) -> Delivery:
    """Count a try before it is made, and say when the next one would be due.

    Counted first: what kills its worker is given up one day as well. `chance` in [0, 1) spreads
    the tries of many deliveries that failed together.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(delivery.tries, 10))
    update = {"tries": delivery.tries + 1, "next_at": now + longest * (1 + chance / 2)}
    return delivery.model_copy(update=update)


def delivered(delivery: Delivery, now: datetime) -> Delivery:
    """Return the delivery after its success."""
    update = {"state": DeliveryState.DELIVERED, "queue": None, "ended_at": now, "error": None}
    return delivery.model_copy(update=update)


def failed(delivery: Delivery, now: datetime, error: ErrorInfo) -> Delivery:
    """Return the delivery after a try that failed: due again, or given up with this reason."""
    if delivery.tries < MAX_TRIES:
        return delivery.model_copy(update={"error": error})
    return given_up(delivery, now, error)


def given_up(delivery: Delivery, now: datetime, error: ErrorInfo) -> Delivery:
    """Return the delivery that nobody tries any more, with its reason."""
    update = {"state": DeliveryState.GIVEN_UP, "queue": None, "ended_at": now, "error": error}
    return delivery.model_copy(update=update)
