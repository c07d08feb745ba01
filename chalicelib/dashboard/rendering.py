"""Templates into pages. Everything is escaped unless a template says otherwise, and none does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from chalicelib.dashboard import formatting
from chalicelib.dashboard.assets import asset_version

_SECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/dashboard/first-run": "/",
        "/dashboard/backups/": "/dashboard/backups/history",
        "/dashboard/chosen": "/dashboard/backups/history",
        "/dashboard/backups/manual": "",
        "/dashboard/backups/scheduled": "/dashboard/backups/scheduled",
        "/dashboard/schedules/": "/dashboard/backups/scheduled",
        "/dashboard/backups/restore": "/dashboard/restores",
        "/dashboard/restores": "/dashboard/restores",
        "/dashboard/projects": "/dashboard/projects",
        "/dashboard/settings": "/dashboard/settings",
        "/dashboard/channels": "/dashboard/settings",
        "/dashboard/keys": "/dashboard/settings",
        "/dashboard/audit": "/dashboard/settings",
    }
)
"""Where in the menu a page belongs, by what its path begins with; the longest that fits counts."""


@dataclass(frozen=True)
class Frame:
    """Hold what every page shows around its own content.

    `prefix` is the stage that API Gateway puts before all paths, or nothing. `zone` is the time
    zone that the visitor chose.
    """

    prefix: str
    csrf: str | None
    role: str | None
    path: str
    notice: str | None = None
    zone: str | None = None
    is_demo: bool = False

    @property
    def section(self) -> str:
        """The path that the menu has for the part of the dashboard that this page is in."""
        fitting = [start for start in _SECTIONS if self.path.startswith(start)]
        return _SECTIONS[max(fitting, key=len)] if fitting else self.path


@cache
def environment() -> Environment:
    """Return the templates of the package, compiled once; a name nobody gave is an error."""
    made = Environment(
        loader=PackageLoader("chalicelib.dashboard"),
        # names, tags and errors come from people and servers we do not know
        autoescape=True,
        # a misspelt name must fail a test, not leave a hole in a page that people trust
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("size", "duration", "ago", "moment", "clock", "moment_in", "number"):
        made.filters[name] = getattr(formatting, name)
    return made


def render(template: str, frame: Frame, values: Mapping[str, Any]) -> str:
    """Return a page as HTML."""

    def url(path: str) -> str:
        return frame.prefix + path

    def asset(name: str) -> str:
        return f"{frame.prefix}/dashboard/static/{name}?v={asset_version(name)}"

    return environment().get_template(template).render(frame=frame, url=url, asset=asset, **values)


def stage_prefix(public_url: str) -> str:
    """Return the path below which all of ours live."""
    return urlsplit(public_url).path.rstrip("/")
