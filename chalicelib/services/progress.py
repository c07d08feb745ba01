"""Progress of runs: published by the worker, read by API, command line and pages alike.

Stands alone: it needs a catalog and an id. The same look at the record that publishes progress
tells the worker whether it may go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import Cancelled, DeadlineExceeded, NotFound
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import Put
from chalicelib.domain.restore import Restore
from chalicelib.domain.runs import phase_begun, require_lease
from chalicelib.ports import Clock
from chalicelib.services.ledger import Ledger

LOOK_EVERY_S: Final = 0.5
"""How often a worker looks at its record: a cancel takes effect within two seconds."""


@dataclass
class RunWatch:
    """Tell a running step whether it may go on; publish what it has done.

    `deadline` is a reading of the monotonic clock, so that a jump of the wall clock ends nothing.
    `within` is the phase that the record knows of: at first its step.
    """

    ledger: Ledger
    kind: type[Backup | Restore]
    run_id: str
    generation: int
    deadline: float
    within: str
    _next_look: float = field(default=0.0, init=False)
    _latest: Progress | None = field(default=None, init=False)

    @property
    def clock(self) -> Clock:
        """The clock that the deadline is a reading of."""
        return self.ledger.clock

    def check(self, progress: Progress | None = None) -> None:
        """Raise Cancelled, LeaseLost or DeadlineExceeded when the step must stop.

        Cheap to call often: the record is read, and progress written, twice a second. A phase that
        begins is noted in the record at once.
        """
        self._latest = progress or self._latest
        now = self.ledger.clock.monotonic()
        if now >= self.deadline:
            raise DeadlineExceeded("the step took longer than it may")
        if progress is not None:
            self._note(progress.phase)
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        run = self.ledger.catalog.get(self.kind, self.run_id)
        require_lease(run, self.generation)
        if run.cancel_requested:
            raise Cancelled(f"the {run.kind} was cancelled")
        self.publish()

    def publish(self) -> None:
        """Write the progress that was last handed over, if it is not written yet."""
        latest, self._latest = self._latest, None
        if latest is not None:
            # an engine names its runs, which may be several attempts; readers know the record
            mine = latest.model_copy(update={"id": self.run_id})
            self.ledger.catalog.commit([Put(mine)])

    def phase(self, name: str) -> None:
        """Publish that a phase without bytes of its own has begun; what was counted stays."""
        self._note(name)
        now = self.ledger.clock.now()
        try:
            last = self.ledger.catalog.get(Progress, self.run_id)
        except NotFound:
            last = Progress(id=self.run_id, phase=name, at=now)
        begun = {"phase": name, "at": now, "table": None, "bytes_per_s": None, "eta_s": None}
        self.ledger.catalog.commit([Put(last.model_copy(update=begun))])

    def _note(self, phase: str) -> None:
        if phase == self.within:
            return
        began_at = self.ledger.clock.now()
        self.ledger.apply(
            self.kind,
            self.run_id,
            lambda run: phase_begun(run, self.generation, phase, began_at),
        )
        self.within = phase
