"""Decide which hosts may be reached from inside our network: public ones, plainly written.

Whoever may name a host could otherwise make us knock at what only we can reach: this machine, the
private network around it, the metadata service of the cloud. Three rules, all without I/O:

1. a host is an address in its one plain spelling or a full DNS name in ASCII; every other spelling
   that resolvers take (decimal, hex, octal, short, zoned, mapped, fullwidth) is refused unresolved
2. an address is public when it is global unicast and carries no other address inside
3. of a name, all addresses must be public; one inside is enough to refuse it

What a name resolves to is known only when connecting; `ports.HostGuard` applies rule 3 there.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from chalicelib.domain.connection import SYSTEM_ROOTS, Endpoint
from chalicelib.domain.errors import InvalidRequest

POSTGRES_PORT: Final = 5432
FIRST_OPEN_PORT: Final = 1024
"""From here on ports belong to ordinary services; below lie mail, SSH and the like."""

MAX_NAME: Final = 253

# IANA's special-purpose registries, spelled out: what Python calls global differs by its version.
REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; also where clouds put their resolvers and metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent, though it looks public
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

GLOBAL_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
"""All that IANA gives out; NAT64, mapped, compatible, unique-local and link-local lie outside."""

REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarks, ORCHID and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)

LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label begins with a letter: what ends in a number is an address to some resolvers.
DNS_NAME: Final = re.compile(rf"(?:{LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", re.IGNORECASE)


def is_public(address: str) -> bool:
    """Tell whether an address is global unicast and nothing else inside."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        inside = any(parsed in network for network in REFUSED_V4)
    else:
        inside = parsed.scope_id is not None or parsed not in GLOBAL_UNICAST_V6
        inside = inside or any(parsed in network for network in REFUSED_V6)
    # both: a newer Python may know networks that came after these lists
    return parsed.is_global and not inside


def plain_address(host: str) -> str | None:
    """Return the host when it is an address in its plain spelling; None for anything else.

    A zone would choose the network interface, so an address with one is none.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if "%" in host else host


def check_public_host(host: str) -> None:
    """Refuse a host that is no plain public address and no full DNS name."""
    if plain_address(host) is not None:
        if not is_public(host):
            raise _refused("the host is not a public address")
        return
    if len(host) > MAX_NAME or DNS_NAME.fullmatch(host) is None:
        raise _refused("the host is not a full DNS name and not a plain address")


def check_public_endpoint(endpoint: Endpoint) -> None:
    """Refuse what can be seen to lead inside without resolving anything.

    Raises InvalidRequest: the caller wrote it, so the answer tells nothing new.
    """
    if endpoint.is_socket:
        raise _refused("a unix socket cannot be reached from here")
    if endpoint.port != POSTGRES_PORT and endpoint.port < FIRST_OPEN_PORT:
        raise InvalidRequest(
            f"port {endpoint.port} is not allowed",
            hint=f"Use port {POSTGRES_PORT}, or one from {FIRST_OPEN_PORT} on.",
            field="port",
        )
    check_public_host(endpoint.host)
    if endpoint.sslrootcert not in {None, SYSTEM_ROOTS}:
        # libpq would read any file of the worker for us, and its words tell what is there
        raise InvalidRequest(
            "sslrootcert names a file of the worker",
            hint=f"Use sslrootcert={SYSTEM_ROOTS}, or leave it out; the host guard is on.",
            field="sslrootcert",
        )


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(
        message,
        hint="Name a host of the public internet, as in db.example.org; the host guard is on.",
        field="host",
    )
