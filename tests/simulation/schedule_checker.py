"""INV5: every expected run has exactly one end, or was told as missed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.schedule import RunState, Schedule
from tests.simulation.history import Evidence

Instants = dict[str, set[datetime]]


def runs_are_had_once(evidence: Evidence) -> Iterator[str]:
    """Yield every instant for which one project had more than one backup."""
    made: dict[tuple[str, str, datetime], set[str]] = defaultdict(set)
    for event in evidence.history.events:
        for backup in event.backups:
            if backup.schedule_id is not None and backup.expected_at is not None:
                key = (backup.schedule_id, backup.project_id, backup.expected_at)
                made[key].add(backup.id)
    for (schedule_id, _, instant), ids in made.items():
        if len(ids) > 1:
            yield f"INV5: {schedule_id} had the run of {instant:%H:%M} {len(ids)} times"


def instants_are_accounted_for(evidence: Evidence) -> Iterator[str]:
    """Yield every instant that came and of which nothing is known."""
    known: Instants = defaultdict(set)
    for run in evidence.runs:
        known[run.schedule_id] |= {run.expected_at, *run.missed}
    for schedule in evidence.schedules:
        for instant in _past(schedule):
            if instant not in known[schedule.id]:
                yield f"INV5: nothing is known of {schedule.id} at {instant:%H:%M}"
    for run in evidence.runs:
        if run.state in {RunState.EXPECTED, RunState.QUEUED}:
            yield f"INV5: {run.id} is still {run.state}"


def misses_are_told(evidence: Evidence) -> Iterator[str]:
    """Yield every missed instant that no notice names."""
    told: dict[str, str] = defaultdict(str)
    for notice in evidence.notices:
        if notice.event == "backup.missed":
            told[notice.subject_id] += notice.body["missed"]
    for run in evidence.runs:
        for instant in run.missed:
            if f"{instant:%Y-%m-%dT%H:%MZ}" not in told[run.schedule_id]:
                yield f"INV5: nobody was told that {run.schedule_id} missed {instant:%H:%M}"


def _past(schedule: Schedule) -> Iterator[datetime]:
    """Yield what the schedule expected since it was made or last changed by hand."""
    if schedule.next is None:
        return
    first = schedule.updated_at
    for instant in schedule.timetable.between(first, schedule.next.expected_at):
        if instant < schedule.next.expected_at:
            yield instant
