"""The way to the first proven backup, step by step, each shown as done once it is."""

from __future__ import annotations

from chalicelib.api.routing import VIEWER
from chalicelib.dashboard.first_steps import first_steps
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, Visit, page


@page("GET /dashboard/first-run", VIEWER)
def show_first_run(visit: Visit) -> Html:
    """Show the steps to the first backup, and which of them comes next."""
    projects = visible_projects(visit)
    return Html("first_run.html", first_steps(visit, projects[0] if projects else None))
