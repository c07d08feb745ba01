"""Days of rollups without runs: what the statistics would hold after so many backups."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.connection import Endpoint
from chalicelib.domain.project import Project
from chalicelib.domain.rollup import Tally
from chalicelib.services.stats import ProjectStats

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_project(name: str = "shop", **fields: object) -> Project:
    """Build a project."""
    given: dict[str, object] = {
        "id": f"01{name.upper()}",
        "name": name,
        "endpoint": Endpoint(host="db.example.org", database=name),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Project.model_validate(given | fields)


def stats_of(tallies: dict[int, Tally], project: Project | None = None) -> ProjectStats:
    """Build the statistics of a project out of tallies by how many days they are ago."""
    days = {(TODAY - timedelta(days=ago)).isoformat(): tally for ago, tally in tallies.items()}
    return ProjectStats(project or a_project(), None, 0.0, tuple(sorted(days.items())))


def ran(completed: int = 0, failed: int = 0, **fields: object) -> Tally:
    """Build a tally."""
    given = {"backups_completed": completed, "backups_failed": failed}
    return Tally.model_validate(given | fields)
