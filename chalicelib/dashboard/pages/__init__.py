"""The pages and forms, one module per thing people come for; ALL lists every one."""

from __future__ import annotations

from typing import Final

from chalicelib.dashboard.pages import (
    audit,
    backup,
    files,
    history,
    inside,
    keys,
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
    history,
    scheduled,
    backup,
    inside,
    restore,
    projects,
    keys,
    audit,
)
ALL: Final[tuple[PageRoute, ...]] = tuple(PAGES)
