"""Channels in a test's world: a messenger that is scripted, and what was handed to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from chalicelib.domain.channel import Channel, ChannelAddress, ChannelKind, Delivery
from chalicelib.domain.message import Message
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Query
from chalicelib.services.channels import NewChannel
from chalicelib.services.courier import Courier
from chalicelib.services.outbox import Outbox
from tests.support.world import World

URL = "https://hooks.example.org/canary-of-a-channel-81bc"


@dataclass
class ScriptedMessenger:
    """Take messages; `during` runs with each and may raise."""

    during: Callable[[ChannelAddress], object] = lambda address: None
    after: Callable[[], object] = lambda: None
    sent: list[Message] = field(default_factory=list)

    def send(self, address: ChannelAddress, message: Message) -> None:
        self.during(address)
        self.sent.append(message)
        self.after()


@dataclass(frozen=True)
class Post:
    """The outbox and the courier of a world, over a messenger for every kind."""

    world: World
    messenger: ScriptedMessenger

    @property
    def courier(self) -> Courier:
        made = self.world.services.courier
        return replace(made, messenger=lambda kind: self.messenger, chance=lambda: 0.0)

    @property
    def outbox(self) -> Outbox:
        return replace(self.world.services.outbox, courier=self.courier)

    def channel(self, url: str = URL, **fields: object) -> Channel:
        """Make a webhook channel that wants everything, unless the fields say otherwise."""
        new = NewChannel("on call", ChannelKind.WEBHOOK, SecretStr(url))
        made, _ = self.world.services.channels.create("key:1", replace(new, **fields))  # type: ignore[arg-type]  # fields of its own
        return made

    def tell(self, count: int = 1, project_id: str = "P1") -> None:
        """Put notices into the outbox."""
        ledger = self.world.services.ledger
        for _ in range(count):
            write = ledger.notice(NoticeKind.BACKUP_FAILED, "B1", project_id, message="it broke")
            ledger.catalog.commit([write])

    def deliveries(self) -> list[Delivery]:
        """Return all deliveries, oldest first."""
        page = self.world.adapters.catalog.find(Query(Delivery, limit=1000))
        return list(reversed(page.items))

    def deliver(self) -> int:
        return self.courier.deliver(self.courier.channels())
