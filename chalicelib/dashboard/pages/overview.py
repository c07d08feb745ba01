"""The first page, which answers whether everything is all right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chalicelib.api.routing import VIEWER
from chalicelib.dashboard import plots
from chalicelib.dashboard.days import DAYS, days_of, percent
from chalicelib.dashboard.first_steps import first_steps
from chalicelib.dashboard.formatting import duration, size
from chalicelib.dashboard.health import (
    Health,
    ProjectHealth,
    health_of,
    sentence_of,
    tells_enough,
)
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.dashboard.upcoming import next_runs
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.rollup import total
from chalicelib.domain.schedule import Schedule
from chalicelib.services.backups import BackupFilter
from chalicelib.services.stats import ProjectStats

MAX_PROJECTS: Final = 100
MAX_SCHEDULES: Final = 200
CARDS: Final = 24
"""More fit on no screen; the worst come first, and the others stand in the list of projects."""
LOOKED_AT: Final = 20
FEW: Final = 4
RECENT: Final = 8


@page("GET /", VIEWER)
def show_overview(visit: Visit) -> Html:
    """Say how all projects stand, the worst first, and what happened last."""
    projects = visible_projects(visit)
    if not projects:
        return Html("first_run.html", first_steps(visit, None))
    found = [_health(visit, project) for project in projects]
    # whoever looks in a hurry must see the trouble first
    found.sort(key=lambda one: (list(Health).index(one.health), one.project.name.casefold()))
    recent = visit.services.backups.find(
        BackupFilter(projects=visit.actor.projects), limit=RECENT, before_id=None
    )
    return Html(
        "overview.html",
        {
            "sentence": sentence_of(found),
            "is_well": bool(found) and all(one.health is Health.WELL for one in found),
            "found": found[:CARDS],
            "untold": len(found[CARDS:]),
            "recent": recent.items,
            "names": {one.project.id: one.project.name for one in found},
            "next_runs": next_runs(_schedules(visit), projects),
            **_figures(visit, projects),
        },
    )


def visible_projects(visit: Visit) -> tuple[Project, ...]:
    """Return the projects that the visitor sees, newest first."""
    sees = visit.actor.sees
    query = Query(Project, limit=MAX_PROJECTS, keep=lambda project: sees(project.id))
    return visit.services.projects.find(query).items


def _health(visit: Visit, project: Project) -> ProjectHealth:
    # nearly always the latest few tell, and every record less is time that a page has
    latest = _latest(visit, project, FEW)
    if len(latest) == FEW and not tells_enough(latest):
        latest = _latest(visit, project, LOOKED_AT)
    return health_of(project, latest, visit.now)


def _latest(visit: Visit, project: Project, limit: int) -> tuple[Backup, ...]:
    wanted = BackupFilter(project_id=project.id)
    return visit.services.backups.find(wanted, limit=limit, before_id=None).items


def _schedules(visit: Visit) -> tuple[Schedule, ...]:
    query = Query(Schedule, limit=MAX_SCHEDULES, keep=visit.call.sees)
    return visit.services.schedules.find(query).items


def _figures(visit: Visit, projects: Sequence[Project]) -> dict[str, Any]:
    today = visit.now.date()
    stats = _stats(visit, projects)
    days = days_of(stats.values(), today)
    return {
        "days": days,
        "sums": total(day.tally for day in days),
        "percent": percent,
        "strips": {name: plots.strip(days_of([one], today)) for name, one in stats.items()},
        "calendar": plots.calendar(days),
        "stored": plots.bars(
            plots.Series("Stored", days, lambda day: float(day.tally.backup_stored_bytes), _size)
        ),
        "durations": plots.line(
            plots.Series("Duration", days, lambda day: day.mean_duration_s, duration)
        ),
    }


def _stats(visit: Visit, projects: Sequence[Project]) -> dict[str, ProjectStats]:
    seen = {project.id for project in projects}
    every = (
        # all records at once cost less than a query for each project
        visit.services.stats.everything(DAYS)
        if visit.actor.projects is None
        else (visit.services.stats.of(project, DAYS) for project in projects)
    )
    return {one.project.id: one for one in every if one.project.id in seen}


def _size(count: float) -> str:
    return size(int(count))
