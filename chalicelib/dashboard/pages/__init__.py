"""The pages and forms, one module per thing people come for; ALL lists every one."""

from __future__ import annotations

from typing import Final

from chalicelib.dashboard.pages import (
    audit,
    backup,
    chosen,
    estimates,
    files,
    history,
    inside,
    keys,
    links,
    manual,
    overview,
    projects,
    restore,
    scheduled,
    sessions,
)
from chalicelib.dashboard.routing import PAGES, PageRoute

# Each module registers its pages when it is imported; naming them here keeps that in one place.
MODULES: Final = (
    sessions,
    files,
    overview,
    manual,
    estimates,
    history,
    chosen,
    scheduled,
    backup,
    links,
    inside,
    restore,
    projects,
    keys,
    audit,
)
ALL: Final[tuple[PageRoute, ...]] = tuple(PAGES)
