"""Style sheets and scripts, from the package, named with the digest of what they hold."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from chalicelib.domain.errors import NotFound

CONTENT_TYPES: Final = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)


@cache
def assets() -> MappingProxyType[str, str]:
    """Return the text of every asset by its name; a name is never taken as a path."""
    folder = resources.files("chalicelib.dashboard") / "static"
    found = {
        item.name: item.read_text("utf-8")
        for item in folder.iterdir()
        if _suffix(item.name) in CONTENT_TYPES
    }
    return MappingProxyType(found)


@cache
def asset_version(name: str) -> str:
    """Return what changes when the asset does, so that browsers may keep it for ever."""
    return hashlib.sha256(asset_text(name).encode()).hexdigest()[:12]


def asset_text(name: str) -> str:
    """Return an asset; NotFound for every other name."""
    try:
        return assets()[name]
    except KeyError as error:
        raise NotFound("there is no such file") from error


def content_type(name: str) -> str:
    """Return the type of an asset."""
    return CONTENT_TYPES[_suffix(name)]


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""
