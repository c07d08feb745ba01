"""The time zone a visitor chose to read times in: out of a request, into an answer."""

from __future__ import annotations

import zoneinfo
from functools import cache
from http.cookies import CookieError, SimpleCookie
from typing import Final

ZONE_COOKIE: Final = "holdfast_zone"
AGE_S: Final = 31_536_000


def read_zone(header: str) -> str | None:
    """Return the zone out of a Cookie header; None where none was chosen, or there is none such."""
    try:
        found = SimpleCookie(header).get(ZONE_COOKIE)
    except CookieError:
        # Cookies of other applications on this host are none of ours to complain about.
        return None
    return found.value if found and found.value in all_zones() else None


def set_zone(zone: str) -> str:
    """Return the Set-Cookie header; an empty zone goes back to the browser's own."""
    age = AGE_S if zone else 0
    return f"{ZONE_COOKIE}={zone}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax"


@cache
def all_zones() -> frozenset[str]:
    """Return the names that can be chosen; read from the machine once."""
    return frozenset(zoneinfo.available_timezones())


@cache
def offered_zones() -> tuple[str, ...]:
    """Return the names that people look for, in order: those of places, and UTC."""
    places = sorted(name for name in all_zones() if "/" in name and not name.startswith("Etc/"))
    return ("UTC", *places)
