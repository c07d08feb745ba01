"""The workflow of the simulation: an execution is an actor, and starts may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chalicelib.domain.backup import Backup
from chalicelib.domain.execution import Work
from tests.simulation.plan import Fault, Kind
from tests.simulation.stage import Actor, Stage

FUNCTION_LIFE_S: Final = 900.0
"""A function of AWS is ended after 15 minutes, whatever it does."""
START_KINDS: Final = (Kind.DUPLICATE, Kind.LATE, Kind.DROPPED)


class Executions:
    """Start workers as actors (the `Workflow` port).

    With `stop_kills` an ended execution has no process any more. Without, its process runs on
    unknown to everybody, as a function does whose execution was stopped; and one event may start
    two of them.
    """

    def __init__(
        self,
        stage: Stage,
        work_on: Callable[[Work, str, str], None],
        fate: Callable[..., Fault | None],
        *,
        stop_kills: bool,
    ) -> None:
        self._stage = stage
        self._work_on = work_on
        self._fate = fate
        self._stop_kills = stop_kills
        self._known: dict[tuple[Work, str], Actor] = {}
        self._count = 0

    def start(self, work: Work, work_id: str) -> None:
        if self.is_running(work, work_id):
            return
        fault = self._fate(*START_KINDS)
        if fault is not None and fault.kind is Kind.DROPPED:
            return
        late = fault is not None and fault.kind is Kind.LATE
        delay_s = fault.seconds if fault else 0.0
        self._known[work, work_id] = self._worker(work, work_id, delay_s if late else 0.0)
        if fault is not None and not late and not self._stop_kills:
            self._worker(work, work_id, delay_s)

    def stop(self, work: Work, work_id: str) -> None:
        actor = self._known.pop((work, work_id), None)
        if actor is not None and self._stop_kills:
            self._stage.kill(actor)

    def is_running(self, work: Work, work_id: str) -> bool:
        actor = self._known.get((work, work_id))
        return actor is not None and self._stage.live(actor)

    def is_held(self, backup: Backup) -> bool:
        """Whether a living process that the workflow knows of holds the backup's lease."""
        actor = self._known.get((Work.BACKUP, backup.id))
        held = actor is not None and backup.lease is not None and actor.name == backup.lease.owner
        return held and self.is_running(Work.BACKUP, backup.id)

    def _worker(self, work: Work, work_id: str, delay_s: float) -> Actor:
        self._count += 1
        name = f"worker-{self._count}"
        actor = self._stage.spawn(name, lambda: self._work_on(work, work_id, name), delay_s=delay_s)
        if not self._stop_kills:
            actor.dies_at_s = actor.wakes_at_s + FUNCTION_LIFE_S
        return actor
