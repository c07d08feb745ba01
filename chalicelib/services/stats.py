"""Statistics out of daily rollups: no backup is read for them, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from chalicelib.domain.errors import NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Record
from chalicelib.domain.rollup import DayTally, LastSuccess, Tally, day_of, total
from chalicelib.services.ledger import Ledger

PAGE: Final = 1000

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class ProjectStats:
    """Hold what is known of a project: its last success, and its days, oldest first."""

    project: Project
    last: LastSuccess | None
    age_s: float
    days: tuple[tuple[str, Tally], ...]

    @property
    def total(self) -> Tally:
        """All days together."""
        return total(tally for _, tally in self.days)


@dataclass(frozen=True)
class Stats:
    """Read what the moves have counted."""

    ledger: Ledger

    def of(self, project: Project, days: int) -> ProjectStats:
        """Return the last `days` days of a project, today included, without those without events.

        Costs one query of at most `days` times four small records.
        """
        since = day_of(self.ledger.clock.now() - timedelta(days=days - 1))
        query = Query(DayTally, index=("project_id", project.id), after_id=since, limit=PAGE)
        return self._stats(project, self._last(project.id), list(self.all(query)))

    def everything(self, days: int) -> Iterator[ProjectStats]:
        """Yield the same of every project, reading each kind of record once, in pages."""
        since = day_of(self.ledger.clock.now() - timedelta(days=days - 1))
        lasts = {last.id: last for last in self.all(Query(LastSuccess, limit=PAGE))}
        tallies: dict[str, list[DayTally]] = defaultdict(list)
        for tally in self.all(Query(DayTally, after_id=since, limit=PAGE)):
            tallies[tally.project_id].append(tally)
        for project in self.all(Query(Project, limit=PAGE)):
            yield self._stats(project, lasts.get(project.id), tallies[project.id])

    def all(self, query: Query[R]) -> Iterator[R]:
        """Yield every record of a query, page by page."""
        before = query.before_id
        while True:
            page = self.ledger.catalog.find(
                Query(query.kind, query.index, query.after_id, before, query.limit)
            )
            yield from page.items
            before = page.next_before_id
            if before is None:
                return

    def _last(self, project_id: str) -> LastSuccess | None:
        try:
            return self.ledger.catalog.get(LastSuccess, project_id)
        except NotFound:
            return None

    def _stats(
        self, project: Project, last: LastSuccess | None, tallies: list[DayTally]
    ) -> ProjectStats:
        # a project that never had a backup is as old as itself: no alarm may wait for the first
        since = last.at if last is not None else project.created_at
        parts: dict[str, list[Tally]] = defaultdict(list)
        for found in tallies:
            # a day has several small records, so that those who count rarely meet
            parts[found.day].append(found.tally)
        days = {day: total(found) for day, found in parts.items()}
        age_s = (self.ledger.clock.now() - since).total_seconds()
        return ProjectStats(project, last, age_s, tuple(sorted(days.items())))
