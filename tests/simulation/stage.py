"""A stage on which threads play in turn: one holds the baton, a seeded draw passes it on.

Every port call is a point where the baton may go elsewhere, so one seed is one interleaving, and
the same seed plays it again. Time is virtual: it moves a little with every call, and leaps when all
actors sleep.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from ulid import ULID

from tests.support.crashes import Crash

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAY: Final = 0.6
"""How often the baton stays where it is: long stretches and close races both come up."""
MAX_STEPS: Final = 60_000
"""Port calls after which a case that does not come to rest is ended; usual ones take 1,500."""
STALLED_S: Final = 60.0


class VirtualClock:
    """Tell virtual time; the wall clock may be moved against it, the monotonic one never."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.shift_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_s + self.shift_s)

    def monotonic(self) -> float:
        return self.elapsed_s


class CountedIds:
    """Make ULIDs without chance; like the real ones they never sort below an earlier one."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._last = 0

    def new(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        self._last = max(self._last + 1, milliseconds << 80)
        return str(ULID.from_bytes(self._last.to_bytes(16)))


@dataclass(eq=False)
class Actor:
    """One process of the world: a worker, a sweep, somebody who asks for things."""

    name: str
    body: Callable[[], None]
    wakes_at_s: float
    dies_at_s: float = math.inf
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    calls: int = 0
    killed: bool = False
    done: bool = False
    thread: threading.Thread | None = None


class Stage:
    """Let actors play until all are done."""

    def __init__(self, seed: int) -> None:
        self.clock = VirtualClock()
        self.current: Actor | None = None
        self.actors: list[Actor] = []
        self.broken: list[str] = []
        self.steps = 0
        self.random = Random(f"stage {seed}")
        self._over = threading.Semaphore(0)

    def spawn(self, name: str, body: Callable[[], None], *, delay_s: float = 0.0) -> Actor:
        """Add an actor that begins after a delay."""
        actor = Actor(name, body, self.clock.elapsed_s + delay_s)
        self.actors.append(actor)
        return actor

    def play(self) -> None:
        """Run every actor to its end; what broke one that should not break is kept in `broken`."""
        first = self._next()
        if first is None:
            return
        self._hand_to(first)
        if not self._over.acquire(timeout=STALLED_S):
            raise TimeoutError("an actor keeps the baton and makes no call")
        self.actors.clear()

    def step(self) -> None:
        """Let a moment pass at a port call, perhaps with others at work; the killed end here."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            self.broken.append("the case does not come to rest")
            for actor in self.actors:
                self.kill(actor)
        self.clock.elapsed_s += self.random.uniform(0.001, 0.05)
        self._pass_on()

    def sleep(self, seconds: float) -> None:
        """Let the current actor wait, the others play on."""
        me = self.current
        if me is not None:
            me.wakes_at_s = min(self.clock.elapsed_s + seconds, me.dies_at_s)
            self._pass_on()

    def kill(self, actor: Actor) -> None:
        """End a process at once: it finds out at its next call."""
        actor.killed = True
        actor.wakes_at_s = min(actor.wakes_at_s, self.clock.elapsed_s)

    def live(self, actor: Actor) -> bool:
        """Whether an actor may still do something."""
        return not actor.done and not actor.killed

    def _pass_on(self) -> None:
        me = self.current
        assert me is not None
        chosen = self._next()
        if chosen is not None and chosen is not me:
            self._hand_to(chosen)
            me.gate.acquire()
        if me.killed or self.clock.elapsed_s >= me.dies_at_s:
            me.killed = True
            raise Crash

    def _next(self) -> Actor | None:
        waiting = [actor for actor in self.actors if not actor.done]
        if not waiting:
            return None
        soonest = min(actor.wakes_at_s for actor in waiting)
        self.clock.elapsed_s = max(self.clock.elapsed_s, soonest)
        ready = [actor for actor in waiting if actor.wakes_at_s <= self.clock.elapsed_s]
        if self.current in ready and self.random.random() < STAY:
            return self.current
        return self.random.choice(ready)

    def _hand_to(self, actor: Actor) -> None:
        self.current = actor
        if actor.thread is None:
            actor.thread = threading.Thread(target=self._perform, args=(actor,), daemon=True)
            actor.thread.start()
        else:
            actor.gate.release()

    def _perform(self, actor: Actor) -> None:
        try:
            if not actor.killed:
                actor.body()
        except Crash:
            actor.killed = True
        except Exception as error:  # noqa: BLE001 - a thread's entry; the checker is told
            self.broken.append(f"{actor.name} broke with {type(error).__name__}: {error}")
        actor.done = True
        self.current = None
        following = self._next()
        if following is None:
            self._over.release()
        else:
            self._hand_to(following)
