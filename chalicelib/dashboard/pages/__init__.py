"""The pages and forms, one module per thing people come for; ALL lists every one."""

from __future__ import annotations

from typing import Final

from chalicelib.dashboard.pages import (
    audit,
    backup,
    channels,
    chosen,
    estimates,
    files,
    first_run,
    history,
    inside,
    keys,
    links,
    manual,
    overview,
    project_editor,
    projects,
    restore,
    retention,
    schedule_editor,
    scheduled,
    sessions,
    settings,
    supabase_editor,
)
from chalicelib.dashboard.routing import PAGES, PageRoute

# Each module registers its pages when it is imported; naming them here keeps that in one place.
MODULES: Final = (
    sessions,
    files,
    overview,
    first_run,
    manual,
    estimates,
    history,
    chosen,
    scheduled,
    schedule_editor,
    backup,
    links,
    inside,
    restore,
    projects,
    project_editor,
    supabase_editor,
    retention,
    settings,
    channels,
    keys,
    audit,
)
ALL: Final[tuple[PageRoute, ...]] = tuple(PAGES)
