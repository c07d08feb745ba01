"""What callers see of channels: never an address."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.domain.channel import Channel, ChannelKind, ChannelResult, Delivery, DeliveryState
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.notices import NoticeKind


class ChannelResultView(View):
    """Show what came of the last try at a channel."""

    at: datetime
    delivered: bool
    error: ErrorInfo | None

    @classmethod
    def of(cls, result: ChannelResult) -> Self:
        """Show this result."""
        return cls(at=result.at, delivered=result.delivered, error=result.error)


class ChannelView(View):
    """Show a channel; `place` is the part of its URL that is no secret."""

    id: str
    name: str
    kind: ChannelKind
    place: str
    events: tuple[NoticeKind, ...]
    projects: tuple[str, ...]
    tags: dict[str, str]
    enabled: bool
    created_at: datetime
    updated_at: datetime
    created_by: str
    last: ChannelResultView | None

    @classmethod
    def of(cls, channel: Channel, last: ChannelResult | None = None) -> Self:
        """Show this channel."""
        same = cls.model_fields.keys() & Channel.model_fields.keys()
        shown = {name: getattr(channel, name) for name in same}
        result = ChannelResultView.of(last) if last is not None else None
        return cls(kind=channel.channel_kind, last=result, **shown)


class NewChannelView(ChannelView):
    """Show a new channel, and this once the secret that signs what goes to a webhook."""

    signing_secret: str | None

    @classmethod
    def made(cls, channel: Channel, signing_secret: str | None) -> Self:
        """Show this channel and the secret that nobody will see again."""
        shown = ChannelView.of(channel).model_dump()
        return cls(signing_secret=signing_secret, **shown)


class ChannelPage(PageView):
    """Show one page of channels, newest first; without their last results."""

    items: tuple[ChannelView, ...]


class DeliveryView(View):
    """Show what becomes of one notice at one channel."""

    notice_id: str
    state: DeliveryState
    tries: int
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None
    error: ErrorInfo | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Show this delivery; one that has ended is never due again."""
        shown = {name: getattr(delivery, name) for name in cls.model_fields}
        waits = delivery.state is DeliveryState.WAITING
        return cls(**shown | {"next_at": delivery.next_at if waits else None})


class DeliveryPage(PageView):
    """Show one page of a channel's deliveries, newest first."""

    items: tuple[DeliveryView, ...]
