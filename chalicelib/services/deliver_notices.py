"""Deliver notices as a piece of work of its own: what the sweeper starts when something waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import HoldfastError
from chalicelib.services.courier import Courier
from chalicelib.services.outbox import BATCH, Outbox

ROUND_S: Final = 60.0
"""A worker's place is wanted for backups too; what is left waits for the next round."""


@dataclass(frozen=True)
class NoticeRunner:
    """Hand on and deliver what waits; each delivery keeps what came of it."""

    outbox: Outbox
    courier: Courier

    def run(self, work_id: str) -> int:
        """Do one round and return how many deliveries were taken; its id means nothing."""
        del work_id
        clock = self.outbox.ledger.clock
        until = clock.monotonic() + ROUND_S
        while self.outbox.hand_on() == BATCH and clock.monotonic() < until:
            pass
        # what was handed on late must not keep the channels waiting for another round
        return self.courier.deliver(self.courier.channels(), ROUND_S)

    def fail(self, work_id: str, error: HoldfastError) -> None:
        """Leave things as they are: every delivery's record says where it stands."""
        del work_id, error
