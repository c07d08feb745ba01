"""The operations of the API, one module per kind of thing; ALL lists every one."""

from __future__ import annotations

from typing import Final

from chalicelib.api.routes import (
    backups,
    channels,
    jobs,
    keys,
    links,
    projects,
    reports,
    restores,
    retention,
    schedules,
    system,
)
from chalicelib.api.routing import ROUTES, Route

# Each module registers its routes when it is imported; naming them here keeps that in one place.
MODULES: Final = (
    system,
    projects,
    backups,
    restores,
    links,
    jobs,
    keys,
    schedules,
    retention,
    channels,
    reports,
)
ALL: Final[tuple[Route, ...]] = tuple(ROUTES)
