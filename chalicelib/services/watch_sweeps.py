"""After each sweep: remember it, tell the dead-man's switch, measure what alarms look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.errors import HoldfastError, NotFound
from chalicelib.domain.record import Put
from chalicelib.domain.sweep_state import SWEEPER, SweepState
from chalicelib.services.figures import Figures
from chalicelib.services.gauges import Gauges
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class SweepWatch:
    """Follow a sweep; `ping` reaches the dead-man's switch or raises, None is no switch."""

    ledger: Ledger
    gauges: Gauges
    ping: Callable[[], None] | None = None

    def swept(self, problems: int) -> None:
        """Take note of a sweep with so many problems; only one without any is told outside.

        The switch's silence is the alarm, so a failure to reach it is kept and harms nothing else.
        """
        state = self._state(problems)
        if self.ping is not None and problems == 0:
            state = self._pinged(state, self.ping)
        self.ledger.catalog.commit([Put(state)])
        gauges = self.gauges.now()
        self.ledger.measure(
            Figures(
                {
                    "SweeperRanCount": 1.0,
                    "SweeperProblemsCount": float(problems),
                    "OldestSuccessAgeSeconds": gauges.oldest_success_age_s,
                    "QueueAgeSeconds": gauges.queue_age_s,
                    "NoticesWaitingCount": float(gauges.notices_waiting),
                },
                {},
            )
        )

    def _state(self, problems: int) -> SweepState:
        try:
            before = self.ledger.catalog.get(SweepState, SWEEPER)
        except NotFound:
            before = SweepState(id=SWEEPER, at=self.ledger.clock.now(), problems=problems)
        update = {"at": self.ledger.clock.now(), "problems": problems}
        return before.model_copy(update=update)

    def _pinged(self, state: SweepState, ping: Callable[[], None]) -> SweepState:
        try:
            ping()
        except HoldfastError as error:
            return state.model_copy(update={"heartbeat_error": error.info})
        update = {"heartbeat_at": self.ledger.clock.now(), "heartbeat_error": None}
        return state.model_copy(update=update)
