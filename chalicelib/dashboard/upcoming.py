"""When each project is backed up next, by whichever of its schedules comes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.project import Project
from chalicelib.domain.schedule import Schedule


def next_runs(schedules: Sequence[Schedule], projects: Sequence[Project]) -> dict[str, datetime]:
    """Return the time of the next run by project id; projects that none runs for are left out."""
    found: dict[str, datetime] = {}
    for schedule in schedules:
        if schedule.next is None:
            continue
        for project in projects:
            if _covers(schedule, project):
                due = schedule.next.expected_at
                found[project.id] = min(found.get(project.id, due), due)
    return found


def _covers(schedule: Schedule, project: Project) -> bool:
    tag = schedule.project_tag
    if tag is not None:
        return project.tags.get(tag.name) == tag.value
    return schedule.project_id == project.id
