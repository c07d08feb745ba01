"""What the last sweep came to, for everybody who watches the watchman."""

from __future__ import annotations

from typing import ClassVar, Final

from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.record import Moment, Record

SWEEPER: Final = "sweeper"


class SweepState(Record):
    """Remember the last sweep; there is one, under the id SWEEPER.

    `heartbeat_at` is the last time the dead-man's switch was reached, `heartbeat_error` why the
    last try did not reach it.
    """

    kind: ClassVar[str] = "sweep-state"

    at: Moment
    problems: int
    heartbeat_at: Moment | None = None
    heartbeat_error: ErrorInfo | None = None
