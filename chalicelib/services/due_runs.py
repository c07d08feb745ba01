"""Start what the calendar expects, exactly once, whoever notices first that it is due.

The loop of the embedded service, the function that EventBridge Scheduler calls and the sweeper all
come here. A run is settled by one commit over the revision that was read, with the backup that
comes of it and the next run in it, so of several who notice at once one wins, and the others find
nothing to do. The execution is started after that; where that fails, the backup is pending, and
the sweeper starts it as any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from chalicelib.domain import due
from chalicelib.domain.errors import Conflict, HoldfastError, NotFound, RevisionConflict
from chalicelib.domain.execution import Work
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule, due_bound
from chalicelib.ports import Workflow
from chalicelib.services.figures import missed_figures
from chalicelib.services.ledger import MAX_TRIES, Ledger
from chalicelib.services.schedule_entries import ScheduleEntries
from chalicelib.services.settle_runs import RunSettler, Settlement

PAGE: Final = 200
BATCH_WRITES: Final = 90
"""DynamoDB takes 100 writes in one transaction."""


@dataclass
class DueReport:
    """Count what became of the runs that were due, and the instants that were missed."""

    runs: Counter[RunState] = field(default_factory=Counter)
    missed: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DueRuns:
    """Settle runs that are due."""

    ledger: Ledger
    workflow: Workflow
    settler: RunSettler
    entries: ScheduleEntries

    def start_due(self, limit: int = PAGE) -> DueReport:
        """Settle what is due, at most about `limit` runs of it; reads nothing that is not."""
        report = DueReport()
        # what waits goes first: a run that finds another waiting is skipped
        for state in (RunState.QUEUED, RunState.EXPECTED):
            self._settle_all(self._listed(state, limit), report)
        return report

    def fire(self, schedule_id: str, expected_at: datetime) -> DueReport:
        """Settle the run that somebody with a clock of their own says is due.

        What is not the next run any more is a late or repeated word of a settled one, and changes
        nothing. Their clock may be ahead of ours by CLOCK_TOLERANCE, no more.
        """
        report = DueReport()
        try:
            upcoming = self.ledger.catalog.get(Schedule, schedule_id).next
        except NotFound:
            return report
        if upcoming is None or upcoming.expected_at > expected_at:
            return report
        if upcoming.due_at - self.ledger.clock.now() <= due.CLOCK_TOLERANCE:
            self._attempt(upcoming.run_id, report)
        return report

    def _listed(self, state: RunState, limit: int) -> tuple[ExpectedRun, ...]:
        bound = due_bound(self.ledger.clock.now())
        query = Query(ExpectedRun, index=("state", state), before_id=bound, limit=limit)
        return self.ledger.catalog.find(query).items

    def _settle_all(self, runs: Sequence[ExpectedRun], report: DueReport) -> None:
        # Thousands may be due in one minute, and a commit takes as long as its disk does: those
        # that have nothing to do with each other share one.
        apart = _one_of_each_lane(runs)
        for batch in _batches(self._decided_all(apart, report)):
            try:
                self.ledger.catalog.commit([write for one in batch for write in one.writes])
            except HoldfastError:
                # One of them is in other hands, perhaps: each for itself says which.
                for settlement in batch:
                    self._attempt(settlement.due, report)
            else:
                for settlement in batch:
                    with _noting(settlement.due, report):
                        self._follow(settlement, report)
        # the others of a lane one by one: each depends on what became of the one before
        done = {run.id for run in apart}
        for run in runs:
            if run.id not in done:
                self._attempt(run.id, report)

    def _decided_all(self, runs: Sequence[ExpectedRun], report: DueReport) -> Iterator[Settlement]:
        for run in runs:
            with _noting(run.id, report):
                settlement = self._decided(run.id)
                if settlement is not None:
                    yield settlement

    def _attempt(self, run_id: str, report: DueReport) -> None:
        with _noting(run_id, report):
            self._settle(run_id, report)

    def _settle(self, run_id: str, report: DueReport) -> None:
        for _ in range(MAX_TRIES):
            settlement = self._decided(run_id)
            if settlement is None:
                return
            try:
                self.ledger.catalog.commit(settlement.writes)
            except Conflict:
                # somebody else settled it, or changed its schedule, between our look and our word
                continue
            self._follow(settlement, report)
            return
        raise RevisionConflict(f"the {ExpectedRun.kind} keeps changing under our hands")

    def _decided(self, run_id: str) -> Settlement | None:
        try:
            run = self.ledger.catalog.get(ExpectedRun, run_id)
        except NotFound:
            # its schedule was changed since we saw it, and expects another run now
            return None
        return self.settler.decided(run)

    def _follow(self, settlement: Settlement, report: DueReport) -> None:
        report.runs[settlement.run.state] += 1
        report.missed += settlement.missed
        if (figures := missed_figures(settlement.writes)) is not None:
            self.ledger.measure(figures)
        if settlement.backup is not None:
            self.workflow.start(Work.BACKUP, settlement.backup.id)
        for child in settlement.children:
            self._attempt(child, report)
        if settlement.schedule is not None:
            self.entries.follow(settlement.schedule)


@contextmanager
def _noting(run_id: str, report: DueReport) -> Iterator[None]:
    # One run's trouble must not keep the others waiting; it stays due and is met again.
    try:
        yield
    except HoldfastError as error:
        report.problems.append(f"run {run_id}: {error.code}: {error.message}")


def _one_of_each_lane(runs: Sequence[ExpectedRun]) -> tuple[ExpectedRun, ...]:
    """Return runs of which none can stand in the way of another, and that share no record."""
    first: dict[str, ExpectedRun] = {}
    for run in runs:
        first.setdefault(run.lane or run.schedule_id, run)
    return tuple(first.values())


def _batches(settlements: Iterator[Settlement]) -> Iterator[list[Settlement]]:
    batch: list[Settlement] = []
    size = 0
    for settlement in settlements:
        if size + len(settlement.writes) > BATCH_WRITES:
            yield batch
            batch, size = [], 0
        batch.append(settlement)
        size += len(settlement.writes)
    if batch:
        yield batch
