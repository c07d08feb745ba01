"""Where a webhook goes: an https URL that leads outside, taken apart and checked.

Strict where URL parsers differ, for the host that is checked must be the host that is called: no
credentials, no fragment, no backslash, no percent sign in the host, ASCII without blanks only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.public_hosts import FIRST_OPEN_PORT, check_public_host

HTTPS_PORT: Final = 443
MAX_PORT: Final = 65535
MAX_URL: Final = 2048

URL: Final = re.compile(
    r"https://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[^\\#?]*)?(?:\?[^\\#]*)?)",
    re.IGNORECASE,
)
PRINTED: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class HttpTarget:
    """Name host, port and what to ask there for; paths of webhooks are often secrets."""

    host: str
    port: int
    target: str = field(repr=False)


def http_target(url: str) -> HttpTarget:
    """Take a webhook's URL apart; InvalidRequest, which never repeats it, unless it is allowed.

    Every address of the host is still to be checked when connecting, by `ports.HostGuard`, and
    redirects are not to be followed: they lead anywhere.
    """
    parts = URL.fullmatch(url)
    if parts is None or len(url) > MAX_URL or PRINTED.fullmatch(url) is None:
        raise _refused("the URL is not a plain https URL")
    port = int(parts["port"] or HTTPS_PORT)
    if not (port == HTTPS_PORT or FIRST_OPEN_PORT <= port <= MAX_PORT):
        raise _refused(f"port {port} is not allowed")
    host = parts["v6"] or parts["host"]
    check_public_host(host)
    return HttpTarget(host, port, parts["target"] or "/")


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(
        message,
        hint="Write https://host/path with port 443 or one from 1024 on, without user and #.",
        field="url",
    )
