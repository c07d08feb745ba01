"""The outbox: notices are written with the moves they speak of, and handed on from here.

A notice goes to the installation's own notifier (a file, or a topic) at once, and becomes one
delivery for each channel that wants it, in one commit with its own end; the courier brings those.
At least once: a crash before that commit hands the notice on again. Failures change nothing before
it: a notice that cannot be handed over stays, up to MAX_TRIES.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Tags
from chalicelib.domain.channel import Channel, delivery_of
from chalicelib.domain.errors import Conflict, HoldfastError, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query, Replace, Write
from chalicelib.ports import Notifier
from chalicelib.services.courier import Courier
from chalicelib.services.ledger import Ledger

MAX_TRIES: Final = 10
BATCH: Final = 100
WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "given-up"


@dataclass(frozen=True)
class Outbox:
    """Hand waiting notices to the notifier and to the channels that want them."""

    ledger: Ledger
    notifier: Notifier
    courier: Courier | None = None

    def drain(self, limit: int = BATCH) -> int:
        """Hand up to `limit` waiting notices on and deliver what is due; for workers only.

        Returns how many notices went to the notifier.
        """
        channels = self._channels()
        handed = self._hand_all_on(channels, limit)
        if self.courier is not None:
            self.courier.deliver(channels)
        return handed

    def hand_on(self, limit: int = BATCH) -> int:
        """Hand up to `limit` waiting notices on; return how many went to the notifier."""
        return self._hand_all_on(self._channels(), limit)

    def _channels(self) -> tuple[Channel, ...]:
        return self.courier.channels() if self.courier is not None else ()

    def _hand_all_on(self, channels: tuple[Channel, ...], limit: int) -> int:
        waiting = self.ledger.catalog.find(Query(Notice, index=("state", WAITING), limit=limit))
        # lists are newest first, news goes out as it happened
        return sum(self._hand_on(notice, channels) for notice in reversed(waiting.items))

    def _hand_on(self, notice: Notice, channels: tuple[Channel, ...]) -> bool:
        # channels get theirs with the first try: a dead notifier must not keep the news from them
        deliveries = self._deliveries(notice, channels) if notice.tries == 0 else []
        try:
            self.notifier.deliver(notice)
        except HoldfastError:
            state = GIVEN_UP if notice.tries + 1 >= MAX_TRIES else WAITING
            self._keep(notice, state, deliveries)
            return False
        self._keep(notice, DELIVERED, deliveries)
        return True

    def _deliveries(self, notice: Notice, channels: tuple[Channel, ...]) -> list[Write]:
        now = self.ledger.clock.now()
        tags = self._tags(notice) if any(channel.tags for channel in channels) else {}
        wanting = [channel for channel in channels if channel.wants(notice, tags)]
        return [Insert(delivery_of(notice, channel, now)) for channel in wanting]

    def _tags(self, notice: Notice) -> Tags:
        try:
            return self.ledger.catalog.get(Project, notice.project_id).tags
        except NotFound:
            return {}

    def _keep(self, notice: Notice, state: str, deliveries: list[Write]) -> None:
        changed = notice.model_copy(update={"state": state, "tries": notice.tries + 1})
        try:
            self.ledger.catalog.commit([Replace(changed), *deliveries])
        except Conflict:
            # another drain had the same notice in hand and has written what became of it
            return
