"""How to reach a PostgreSQL server: fields only, never a connection string handed on.

libpq accepts many spellings (host lists, conninfo inside a database name, service files), some of
which reach another server than the one that was checked. So a URL is taken apart here, by our own
rules, into one host, one port, one database, one user and a TLS mode; everything else is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from pydantic import Field

from chalicelib.domain.backup import Value
from chalicelib.domain.connection_url import refused, split_url

MAX_FIELD = 255
SYSTEM_ROOTS: Final = "system"
"""What libpq calls the root certificates that the machine trusts anyway."""
PORT: Final = re.compile(r"[0-9]{1,5}")
"""Python's int() would also take 5_432, blanks and the digits of other scripts."""


class SslMode(StrEnum):
    """Name libpq's TLS modes that we let through."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"

    @property
    def must_encrypt(self) -> bool:
        """Whether a connection fails rather than go unencrypted."""
        return self not in {SslMode.DISABLE, SslMode.PREFER}


Text = Annotated[str, Field(min_length=1, max_length=MAX_FIELD, pattern=r"^[^\x00]+$")]


class Endpoint(Value):
    """Say where a database is and who asks, without the password.

    `host` is a name, an address, or an absolute folder of a unix socket. `sslrootcert` is the path
    of a file with root certificates on the worker, or `system`.
    """

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: Text = "postgres"
    user: Text = "postgres"
    sslmode: SslMode = SslMode.REQUIRE
    sslrootcert: Annotated[str, Field(max_length=1024)] | None = None

    @property
    def is_socket(self) -> bool:
        """Whether the host is a folder of a unix socket."""
        return self.host.startswith("/")

    @property
    def trusted_roots(self) -> str | None:
        """The file of root certificates, or `system` where a check is asked for and none is named.

        libpq's own default is a file in the caller's home, which differs from worker to worker.
        """
        if self.sslrootcert is None and self.sslmode in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL}:
            return SYSTEM_ROOTS
        return self.sslrootcert


@dataclass(frozen=True)
class Connection:
    """Join an endpoint with its password; the password never shows in its repr."""

    endpoint: Endpoint
    password: str = field(repr=False, default="")

    def at(self, database: str) -> Connection:
        """Return the same connection to another database of the server."""
        return Connection(self.endpoint.model_copy(update={"database": database}), self.password)


def parse_url(url: str) -> Connection:
    """Take a postgresql:// URL apart; refuse whatever it does not plainly say.

    Raises InvalidRequest, whose message never repeats the URL, because it may hold a password.
    """
    fields = split_url(url)
    host = check_host(fields.get("host") or "localhost")
    port = fields.get("port") or "5432"
    if PORT.fullmatch(port) is None:
        raise refused("the port is not a number")
    try:
        endpoint = Endpoint(
            host=host,
            port=int(port),
            # as libpq: a database that is not named is called like its user
            database=fields.get("dbname") or fields.get("user") or "postgres",
            user=fields.get("user") or "postgres",
            sslmode=SslMode(fields["sslmode"]) if "sslmode" in fields else default_sslmode(host),
            sslrootcert=fields.get("sslrootcert"),
        )
    except ValueError as error:
        raise refused("a part of the URL has a value that cannot be") from error
    return Connection(endpoint, fields.get("password", ""))


def url_of(endpoint: Endpoint) -> str:
    """Return the URL of an endpoint, without a password; `parse_url` reads the same out of it."""
    is_usual = endpoint.sslmode is default_sslmode(endpoint.host)
    named = {
        "sslmode": None if is_usual else endpoint.sslmode,
        "sslrootcert": endpoint.sslrootcert,
    }
    given = {name: value for name, value in named.items() if value}
    user, host, database = (
        quote(part, safe="") for part in (endpoint.user, endpoint.host, endpoint.database)
    )
    query = f"?{urlencode(given, quote_via=quote, safe='')}" if given else ""
    return f"postgresql://{user}@{host}:{endpoint.port}/{database}{query}"


def default_sslmode(host: str) -> SslMode:
    """Return the TLS mode for a host that names none: encrypted, unless it is this machine."""
    if host.startswith("/") or host == "localhost":
        return SslMode.PREFER
    try:
        return SslMode.PREFER if ipaddress.ip_address(host).is_loopback else SslMode.REQUIRE
    except ValueError:
        return SslMode.REQUIRE


def check_host(host: str) -> str:
    """Return the host unless it is one of libpq's ways to name several servers."""
    if "," in host:
        raise refused("only one host can be named", "host")
    if not host.startswith("/") and any(c in host for c in "/=@ \t\n"):
        raise refused("the host is not a name, an address or a folder", "host")
    return host
