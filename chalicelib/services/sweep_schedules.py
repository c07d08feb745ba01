"""The sweeper's part in schedules: start what nobody saw, mend alarms, forget old runs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain.errors import Conflict, HoldfastError, NotFound
from chalicelib.domain.record import Query, Remove, id_floor
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule, due_bound
from chalicelib.services.due_runs import DueRuns
from chalicelib.services.ledger import Ledger
from chalicelib.services.pages import every
from chalicelib.services.schedule_entries import ScheduleEntries

ROUNDS: Final = 20
"""Pages of due runs that one sweep settles at most: the other duties wait behind them."""
KEEP_RUNS: Final = timedelta(days=90)
YOUNG: Final = timedelta(hours=1)
"""An entry this young may belong to a schedule that is being made."""
SLOTS: Final = 12
SLOT_S: Final = 300
PAGE: Final = 200
_WAITING: Final = frozenset({RunState.EXPECTED, RunState.QUEUED})


@dataclass(frozen=True)
class ScheduleSweep:
    """Do all of it once. Safe at any time, and twice at once."""

    ledger: Ledger
    due_runs: DueRuns
    entries: ScheduleEntries

    def sweep(self, problems: list[str], *, starting: bool) -> int:
        """Return how many backups were started; what went wrong is added to `problems`."""
        started = self._start_due(problems) if starting else 0
        if self.entries.scheduler is not None:
            self._mend(problems)
        self._forget()
        return started

    def _mend(self, problems: list[str]) -> None:
        # a scheduler that does not answer must not keep the rest of the sweep waiting
        try:
            self.entries.mend(self._slice())
            self._drop_orphans()
        except HoldfastError as error:
            problems.append(f"alarms of schedules: {error.code}: {error.message}")

    def _start_due(self, problems: list[str]) -> int:
        started = 0
        for _ in range(ROUNDS):
            report = self.due_runs.start_due()
            problems.extend(report.problems)
            started += report.runs[RunState.STARTED]
            if not report.runs:
                break
        return started

    def _slice(self) -> Iterator[Schedule]:
        # A call for each entry every five minutes would be thousands: each has its turn once an
        # hour, and until then its runs are started by the sweep itself.
        slot = int(self.ledger.clock.now().timestamp()) // SLOT_S % SLOTS
        for schedule in every(self.ledger.catalog, Query(Schedule, limit=PAGE)):
            if zlib.crc32(schedule.id.encode()) % SLOTS == slot:
                yield schedule

    def _drop_orphans(self) -> None:
        # an alarm is made before its schedule is stored, so a young one may have none yet
        ripe = id_floor(self.ledger.clock.now() - YOUNG)
        for name in self.entries.names():
            if name < ripe and not self._is_known(name):
                self.entries.forget(name)

    def _is_known(self, schedule_id: str) -> bool:
        try:
            self.ledger.catalog.get(Schedule, schedule_id)
        except NotFound:
            return False
        return True

    def _forget(self) -> None:
        bound = due_bound(self.ledger.clock.now() - KEEP_RUNS)
        query = Query(
            ExpectedRun, before_id=bound, limit=PAGE, keep=lambda run: run.state not in _WAITING
        )
        for run in self.ledger.catalog.find(query).items:
            try:
                self.ledger.catalog.commit([Remove(run)])
            except Conflict:
                # another sweep has it in hand
                continue
