"""The first page, which answers whether everything is all right."""

from __future__ import annotations

from typing import Final

from chalicelib.api.routing import VIEWER
from chalicelib.dashboard.health import Health, ProjectHealth, health_of, sentence_of
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.services.backups import BackupFilter

MAX_PROJECTS: Final = 100
LOOKED_AT: Final = 20
RECENT: Final = 8


@page("GET /", VIEWER)
def show_overview(visit: Visit) -> Html:
    """Say how all projects stand, the worst first, and what happened last."""
    found = [_health(visit, project) for project in visible_projects(visit)]
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
            "found": found,
            "recent": recent.items,
            "names": {one.project.id: one.project.name for one in found},
        },
    )


def visible_projects(visit: Visit) -> tuple[Project, ...]:
    """Return the projects that the visitor sees, newest first."""
    sees = visit.actor.sees
    query = Query(Project, limit=MAX_PROJECTS, keep=lambda project: sees(project.id))
    return visit.services.projects.find(query).items


def _health(visit: Visit, project: Project) -> ProjectHealth:
    latest: tuple[Backup, ...] = visit.services.backups.find(
        BackupFilter(project_id=project.id), limit=LOOKED_AT, before_id=None
    ).items
    return health_of(project, latest, visit.now)
