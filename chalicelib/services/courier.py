"""The courier: brings what waits to its channels, each try counted before it is made.

At least once: a worker that is killed between sending and writing so down sends again, under the
same id. A channel that fails twice in a row is left alone until the next round, so that a dead one
costs two time-outs and not one per notice; the others are served meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from chalicelib.domain import channel as rules
from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import (
    MAX_AGE,
    MAX_CHANNELS,
    Channel,
    ChannelAddress,
    ChannelKind,
    ChannelResult,
    Delivery,
)
from chalicelib.domain.errors import (
    ChannelFailed,
    HoldfastError,
    IntegrityFailed,
    NotFound,
    RevisionConflict,
)
from chalicelib.domain.message import Message, message_of
from chalicelib.domain.project import Project
from chalicelib.domain.record import Page, Put, Query, Replace
from chalicelib.ports import Messenger, Secrets
from chalicelib.services.ledger import Ledger

BUDGET_S: Final = 20.0
"""How long one round begins new tries; a try itself ends within seconds."""
BATCH: Final = 100
MAX_FAILURES_IN_A_ROW: Final = 2


@dataclass(frozen=True)
class Courier:
    """Deliver; `messenger` gives the sender of a kind, `chance` a number in [0, 1)."""

    ledger: Ledger
    secrets: Secrets
    messenger: Callable[[ChannelKind], Messenger]
    chance: Callable[[], float]

    def deliver(self, channels: tuple[Channel, ...], budget_s: float = BUDGET_S) -> int:
        """Try every delivery that is due, channel by channel; return how many were settled."""
        until = self.ledger.clock.monotonic() + budget_s
        return sum(self._serve(channel, until) for channel in channels if channel.enabled)

    def is_waited_for(self) -> bool:
        """Tell whether any delivery is due."""
        return any(self._due(channel, 1) for channel in self.channels() if channel.enabled)

    def channels(self) -> tuple[Channel, ...]:
        """Return all channels."""
        # two makers at once may have passed the limit by a few
        return self.ledger.catalog.find(Query(Channel, limit=2 * MAX_CHANNELS)).items

    def try_out(self, channel: Channel, notice: Notice) -> None:
        """Send a notice to a channel now and keep what came of it; its failure is raised."""
        try:
            self._send(channel, self._message(notice))
        except HoldfastError as error:
            self.ledger.catalog.commit([Put(self._result(channel, error))])
            raise
        self.ledger.catalog.commit([Put(self._result(channel))])

    def _serve(self, channel: Channel, until: float) -> int:
        taken = failures = 0
        for delivery in self._waiting(channel):
            if self.ledger.clock.monotonic() >= until or failures >= MAX_FAILURES_IN_A_ROW:
                break
            if self._bring(channel, delivery):
                taken, failures = taken + 1, 0
            else:
                failures += 1
        return taken

    def _waiting(self, channel: Channel) -> Iterator[Delivery]:
        # the newest batch first, as lists are: of a backlog, today's news matter most
        while batch := self._due(channel, BATCH):
            yield from sorted(batch, key=lambda delivery: delivery.id)

    def _due(self, channel: Channel, limit: int) -> tuple[Delivery, ...]:
        now = self.ledger.clock.now()
        before: str | None = None
        while True:
            page: Page[Delivery] = self.ledger.catalog.find(
                Query(
                    Delivery,
                    index=("queue", channel.id),
                    before_id=before,
                    limit=limit,
                    keep=lambda delivery: delivery.next_at <= now,
                )
            )
            # a short page may only mean that much was looked at
            before = page.next_before_id
            if page.items or before is None:
                return page.items

    def _bring(self, channel: Channel, delivery: Delivery) -> bool:
        now = self.ledger.clock.now()
        if now - delivery.created_at > MAX_AGE:
            error = delivery.error or ChannelFailed("nobody could deliver it in time").info
            self._keep(rules.given_up(delivery, now, error))
            return True  # settled, and the channel was not even asked
        claimed = self._claimed(delivery)
        if claimed is None:
            return True  # somebody else has it in hand
        try:
            notice = self.ledger.catalog.get(Notice, claimed.notice_id)
            self._send(channel, self._message(notice))
        except HoldfastError as error:
            failed = rules.failed(claimed, self.ledger.clock.now(), error.info)
            self._keep(failed, self._result(channel, error))
            return False
        self._keep(rules.delivered(claimed, self.ledger.clock.now()), self._result(channel))
        return True

    def _claimed(self, delivery: Delivery) -> Delivery | None:
        claimed = rules.claimed(delivery, self.ledger.clock.now(), self.chance())
        try:
            self.ledger.catalog.commit([Replace(claimed)])
        except RevisionConflict:
            return None
        # as the catalog has it now: its end is written over this revision, without another read
        return claimed.model_copy(update={"revision": claimed.revision + 1})

    def _send(self, channel: Channel, message: Message) -> None:
        try:
            written = self.secrets.get(channel.secret_name)
            address = ChannelAddress.model_validate_json(written)
        except ValidationError as error:
            # without its cause: pydantic's words would hold the address
            raise IntegrityFailed("the channel's address cannot be read") from _typed(error)
        self.messenger(channel.channel_kind).send(address, message)

    def _message(self, notice: Notice) -> Message:
        try:
            project = self.ledger.catalog.get(Project, notice.project_id).name
        except NotFound:
            project = ""
        return message_of(notice, project)

    def _result(self, channel: Channel, error: HoldfastError | None = None) -> ChannelResult:
        return ChannelResult(
            id=channel.id,
            at=self.ledger.clock.now(),
            delivered=error is None,
            error=error.info if error else None,
        )

    def _keep(self, delivery: Delivery, result: ChannelResult | None = None) -> None:
        # whoever claimed it after us, because we took so long, writes what becomes of it
        with suppress(RevisionConflict):
            self.ledger.catalog.commit(
                [Replace(delivery), *([Put(result)] if result is not None else [])]
            )


def _typed(error: Exception) -> Exception:
    return ValueError(type(error).__name__)
