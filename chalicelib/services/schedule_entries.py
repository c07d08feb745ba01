"""Keep a scheduler outside in step with the calendar: one entry for the next run of each schedule.

An entry is a one-time alarm in UTC for exactly that run, and is replaced as a whole when the run
was settled. So time zones, changes of clocks and jitter are decided in one place, here, and every
expression that we take can be had. An alarm that is lost or late does no harm: the sweeper starts
what is due, and mends the entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.domain.errors import NotFound
from chalicelib.domain.schedule import NextRun, Schedule
from chalicelib.ports import ScheduleEntry, Scheduler


@dataclass(frozen=True)
class ScheduleEntries:
    """Write entries; without a scheduler the service's own loop looks into the calendar."""

    scheduler: Scheduler | None

    def follow(self, schedule: Schedule) -> None:
        """Bring the entry of a schedule to what the schedule says."""
        if self.scheduler is None:
            return
        if schedule.next is None:
            self.scheduler.delete(schedule.id)
        else:
            self.scheduler.put(entry_of(schedule, schedule.next))

    def forget(self, schedule_id: str) -> None:
        """Remove an entry; a missing one is fine."""
        if self.scheduler is not None:
            self.scheduler.delete(schedule_id)

    def names(self) -> Iterator[str]:
        """List the names of all entries: ids of schedules, also of some that are gone."""
        return iter(()) if self.scheduler is None else self.scheduler.names()

    def mend(self, schedules: Iterable[Schedule]) -> int:
        """Compare entries with their schedules, mend those that differ; return how many did."""
        drifted = [schedule for schedule in schedules if self._has_drifted(schedule)]
        for schedule in drifted:
            self.follow(schedule)
        return len(drifted)

    def _has_drifted(self, schedule: Schedule) -> bool:
        if self.scheduler is None:
            return False
        wanted = entry_of(schedule, schedule.next) if schedule.next else None
        try:
            return self.scheduler.get(schedule.id) != wanted
        except NotFound:
            return wanted is not None


def entry_of(schedule: Schedule, upcoming: NextRun) -> ScheduleEntry:
    """Return the alarm for a run: it names the run, so that a late one is known as such."""
    event = {"schedule_id": schedule.id, "expected_at": upcoming.expected_at.isoformat()}
    return ScheduleEntry(
        name=schedule.id,
        expression=f"at({upcoming.due_at:%Y-%m-%dT%H:%M:%S})",
        timezone="UTC",
        input_json=json.dumps(event),
    )
