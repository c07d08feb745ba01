"""The outbox: notices are written with the moves they speak of, and delivered from here.

Delivery is at least once. Its failure changes nothing before it: a notice that cannot be handed
over stays and is tried again by the sweeper, up to MAX_TRIES.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.domain.audit import Notice
from chalicelib.domain.errors import HoldfastError, RevisionConflict
from chalicelib.domain.record import Query, Replace
from chalicelib.ports import Notifier
from chalicelib.services.ledger import Ledger

MAX_TRIES: Final = 10
WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "given-up"


@dataclass(frozen=True)
class Outbox:
    """Hand waiting notices to the notifier."""

    ledger: Ledger
    notifier: Notifier

    def drain(self, limit: int = 100) -> int:
        """Deliver up to `limit` waiting notices; return how many went out."""
        waiting = self.ledger.catalog.find(Query(Notice, index=("state", WAITING), limit=limit))
        return sum(self._deliver(notice) for notice in waiting.items)

    def _deliver(self, notice: Notice) -> bool:
        try:
            self.notifier.deliver(notice)
        except HoldfastError:
            self._keep(notice, GIVEN_UP if notice.tries + 1 >= MAX_TRIES else WAITING)
            return False
        self._keep(notice, DELIVERED)
        return True

    def _keep(self, notice: Notice, state: str) -> None:
        changed = notice.model_copy(update={"state": state, "tries": notice.tries + 1})
        try:
            self.ledger.catalog.commit([Replace(changed)])
        except RevisionConflict:
            # another drain had the same notice in hand and has written what became of it
            return
