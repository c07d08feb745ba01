"""What the service looks like at this moment: queues, ages, the last sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job
from chalicelib.domain.record import MAX_SCAN, Query
from chalicelib.domain.restore import Restore
from chalicelib.domain.sweep_state import SWEEPER, SweepState
from chalicelib.services.ledger import Ledger
from chalicelib.services.outbox import WAITING
from chalicelib.services.stats import PAGE, ProjectStats, Stats

DAYS = 7


@dataclass(frozen=True)
class Gauge:
    """Hold the state of the service; ages in seconds, 0 where nothing waits.

    `open_backups` maps project and status to how many there are; `notices_waiting` ends at 1000.
    """

    projects: tuple[ProjectStats, ...]
    open_backups: dict[tuple[str, Status], int]
    queue_age_s: float
    notices_waiting: int
    sweep: SweepState | None

    @property
    def oldest_success_age_s(self) -> float:
        """The age of the last success of the project that waits longest for one."""
        return max((stats.age_s for stats in self.projects), default=0.0)


@dataclass(frozen=True)
class Gauges:
    """Look; the cost grows with projects and with what is open, not with what has ended."""

    ledger: Ledger
    stats: Stats

    def now(self) -> Gauge:
        """Return how things stand."""
        return Gauge(
            projects=tuple(self.stats.everything(DAYS)),
            open_backups=self._open_backups(),
            queue_age_s=self._queue_age_s(),
            notices_waiting=self.notices_waiting(),
            sweep=self.last_sweep(),
        )

    def _open_backups(self) -> dict[tuple[str, Status], int]:
        counts: dict[tuple[str, Status], int] = {}
        for status in (Status.PENDING, Status.IN_PROGRESS):
            for backup in self._at(Backup, status):
                key = (backup.project_id, status)
                counts[key] = counts.get(key, 0) + 1
        return counts

    def _queue_age_s(self) -> float:
        pending: list[datetime] = []
        for kind in (Backup, Job, Restore):
            pending += [record.created_at for record in self._at(kind, Status.PENDING)]
        return (self.ledger.clock.now() - min(pending)).total_seconds() if pending else 0.0

    def _at(
        self, kind: type[Backup | Job | Restore], status: Status
    ) -> Iterator[Backup | Job | Restore]:
        return self.stats.all(Query(kind, index=("status", status.value), limit=PAGE))

    def notices_waiting(self) -> int:
        """Return how many notices nobody has handed on yet; MAX_SCAN where there are so many."""
        waiting = Query(Notice, index=("state", WAITING), limit=MAX_SCAN)
        return len(self.ledger.catalog.find(waiting).items)

    def last_sweep(self) -> SweepState | None:
        """Return what the last sweep came to; None before the first."""
        try:
            return self.ledger.catalog.get(SweepState, SWEEPER)
        except NotFound:
            return None
