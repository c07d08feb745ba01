"""Where a webhook goes: a URL taken apart and checked, with the guard on an https one to outside.

Strict where URL parsers differ, for the host that is checked must be the host that is called: no
credentials, no fragment, no backslash, no percent sign in the host, ASCII without blanks only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.public_hosts import FIRST_OPEN_PORT, check_public_host

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
MAX_PORT: Final = 65535
MAX_URL: Final = 2048

URL: Final = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?"
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
    tls: bool = True

    @property
    def origin(self) -> str:
        """The part of the URL that is no secret."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS_PORT if self.tls else HTTP_PORT
        return host if self.port == usual else f"{host}:{self.port}"


def http_target(url: str) -> HttpTarget:
    """Take a webhook's URL apart; InvalidRequest, which never repeats it, unless it is allowed.

    Every address of the host is still to be checked when connecting, by `ports.HostGuard`, and
    redirects are not to be followed: they lead anywhere.
    """
    target = any_http_target(url)
    if not target.tls:
        raise _refused("the URL is not a plain https URL")
    if not (target.port == HTTPS_PORT or target.port >= FIRST_OPEN_PORT):
        raise _refused(f"port {target.port} is not allowed")
    check_public_host(target.host)
    return target


def any_http_target(url: str) -> HttpTarget:
    """Take an http or https URL apart, wherever it leads, for where the host guard is off."""
    parts = URL.fullmatch(url)
    if parts is None or len(url) > MAX_URL or PRINTED.fullmatch(url) is None:
        raise _refused("the URL is not a plain https URL")
    tls = parts["scheme"].lower() == "https"
    port = int(parts["port"] or (HTTPS_PORT if tls else HTTP_PORT))
    if not 0 < port <= MAX_PORT:
        raise _refused(f"port {port} is not allowed")
    target = parts["target"] or "/"
    # a query right behind the host has no path of its own
    target = target if target.startswith("/") else f"/{target}"
    return HttpTarget(parts["v6"] or parts["host"], port, target, tls=tls)


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(
        message,
        hint="Write https://host/path with port 443 or one from 1024 on, without user and #.",
        field="url",
    )
