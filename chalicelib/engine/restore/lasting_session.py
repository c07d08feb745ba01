"""Keep a session to a target through its losses: what was lost is done again, and nothing twice.

A pooler that restarts ends a session anywhere: in a statement, or between a COMMIT and its answer.
So each piece of work is one transaction that asks for its own number before it commits, and the
next session asks the server what became of that number. What the lost session still ran is ended
before. A piece is tried a few times only; one that gets done starts the count anew.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from chalicelib.domain.errors import Internal, SourceError, SourceLost, SourceUnreachable
from chalicelib.engine.connection import Session
from chalicelib.engine.crew import TICK_S, attend
from chalicelib.engine.restore.hold import Hold

T = TypeVar("T")

TRIES: Final = 4
"""How often a piece of work is begun, each time in a session of its own."""

OPENINGS: Final = 7
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
"""A pooler that restarts is back within seconds; all pauses together are half a minute."""

SETTLING_TICKS: Final = 40
"""How many ticks a transaction may go on after its session was ended."""

NUMBER: Final = b"SELECT pg_catalog.pg_current_xact_id_if_assigned()::text"
OUTCOME: Final = b"SELECT pg_catalog.pg_xact_status(%s::pg_catalog.xid8)"
NOT_SETTLED: Final = "the target still runs what a lost session began"


@dataclass
class Pieces:
    """Do each piece of some work in one transaction, once, through any number of sessions."""

    session: Session
    done: set[object] = field(default_factory=set)
    _pending: tuple[object, str] | None = None

    def once(self, piece: object, work: Callable[[Session], object]) -> None:
        """Do a piece unless it is done; what the work raises rolls it back."""
        if piece in self.done:
            return
        self._pending = None
        with self.session.transaction():
            work(self.session)
            number = self.session.execute(NUMBER).fetchone()
            # without a number nothing was changed, and doing it again is harmless
            if number is not None and number[0] is not None:
                self._pending = piece, str(number[0])
        self.done.add(piece)

    def settle(self, session: Session) -> None:
        """Go on in another session: ask what became of the piece that was being committed."""
        self.session = session
        if self._pending is None:
            return
        piece, number = self._pending
        if _was_committed(session, number):
            self.done.add(piece)
        self._pending = None


class LastingSession:
    """Own the session of one restore, whichever it is at the moment."""

    def __init__(self, hold: Hold, session: Session, pause: Callable[[float], object]) -> None:
        """Take over an open session; `pause` waits so many seconds."""
        self._hold = hold
        self._session = session
        self._pause = pause

    def run(self, work: Callable[[Pieces], T]) -> T:
        """Do some work in the crew; where the session is lost, call it again with the next one.

        It changes the target by `Pieces.once` alone. SourceLost when it does not get further.
        """
        pieces = Pieces(self._session)
        tries, got_done = 0, 0
        while True:
            try:
                return self._hold.ask(partial(self._settled, work, pieces))
            except (SourceError, Internal):
                # whatever the words of the failure are: a session that is open has refused
                if not self._session.closed:
                    raise
                tries = tries + 1 if len(pieces.done) == got_done else 1
                got_done = len(pieces.done)
                if tries == TRIES:
                    raise
            self.renew()

    def renew(self) -> None:
        """End the session and all that ours still run on the target; open another in its place."""
        for pause_s in (*_pauses(), None):
            opening = self._hold.crew.start(partial(self._hold.sessions.renewed, self._session))
            try:
                self._session = attend(opening, self._hold.pulse)
            except (SourceUnreachable, SourceLost):
                if pause_s is None:
                    raise
                self._wait(pause_s)
            else:
                return

    def _settled(self, work: Callable[[Pieces], T], pieces: Pieces) -> T:
        if pieces.session is not self._session:
            pieces.settle(self._session)
        return work(pieces)

    def _wait(self, seconds: float) -> None:
        for _ in range(math.ceil(seconds / TICK_S)):
            self._pause(TICK_S)
            self._hold.pulse()


def _pauses() -> list[float]:
    return [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(OPENINGS - 1)]


def _was_committed(session: Session, number: str) -> bool:
    tick = threading.Event()
    for _ in range(SETTLING_TICKS):
        found = session.execute(OUTCOME, (number,)).fetchone()
        # no row or NULL: so long ago that nobody knows, which a fresh number is not
        if found is not None and found[0] != "in progress":
            return bool(found[0] == "committed")
        tick.wait(TICK_S)
    raise SourceLost(NOT_SETTLED, hint="End that session in the target, then restore anew.")
