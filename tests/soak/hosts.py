"""The lane of URLs: does libpq ever read another host, port, name or TLS mode than we do?

URLs are put together at random from pieces on which parsers are known to differ; a seed repeats
them. Whatever we accept, each libpq of this machine must read in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from chalicelib.domain.connection import Endpoint, parse_url
from chalicelib.domain.errors import InvalidRequest
from tests.soak.report import Report, bound_told, sized
from tests.support.libpq import Libpq, libraries

URLS: Final = 200_000
DEFAULTS: Final = {"host": "localhost", "port": "5432"}
"""What we take where a URL names nothing; libpq's parser then says nothing."""

SCHEMES: Final = ("postgresql://", "postgres://", "postgresql:/", "POSTGRESQL://", "postgresql:")
HOSTS: Final = (
    *("a.example", "b.example", "127.0.0.1", "[::1]", "[2606:4700::1]", "localhost", "%61.example"),
    *("a.example,b.example", "a%2Cb", "[a.example]", "[%3A%3A1]", "%2Ftmp", "", "[fe80::1%25lo]"),
    *("A.Example", "b\u00fccher.example", "\uff11\uff12\uff17.1", "a\\b", "[::1", "::1]", "@b"),
)
WORDS: Final = (
    *("u", "me%40home", "p%3Aq", "p+q", "a b", "%", "%zz", "%00", "%0A", "p;q", "p&q", "p=q", "["),
    *("]", "a.example", "\t", "\n", "é", "%c3%a9", "%ff", "\u0665", "\\", "'", '"', "$x", "*", "~"),
)
PORTS: Final = ("1", "5432", "65535", "65536", "05432", "", "5_432", "+5432", "\u0665", "x", "5,6")
NAMES: Final = (
    *("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "application_name"),
    *("hostaddr", "service", "ssl", "%68ost", "HOST", "options", "passfile"),
)
MODES: Final = ("disable", "require", "verify-full", "allow", "REQUIRE", "")
GLUE: Final = ("@", ":", "/", "?", "&", "=", "#", ",", "[", "]", "%", "//", " ")


@dataclass(frozen=True)
class Reading:
    """Say what a run covered; a disagreement is the URL, both readings and libpq's version."""

    cases: int
    seed: int
    accepted: int
    versions: tuple[int, ...]
    disagreements: tuple[str, ...]


def run(arguments: list[str]) -> Report:
    """Try random URLs; a failure shows the URL and both readings."""
    read = compare(*sized("hosts", "urls", URLS, arguments))
    figures: dict[str, str | int | float] = {
        "first seed": read.seed,
        "URLs": read.cases,
        "URLs we accept": read.accepted,
        "read by libpq": ", ".join(map(str, read.versions)),
        "violations (read in another way)": len(read.disagreements),
        "95 % bound on another reading": bound_told(read.accepted, len(read.disagreements)),
    }
    return Report("hosts", figures, read.disagreements)


def compare(cases: int, seed: int) -> Reading:
    """Try random URLs against every libpq of this machine."""
    random = Random(seed)  # noqa: S311 - cases that a seed repeats, no secrets
    found: list[str] = []
    accepted = 0
    for _ in range(cases):
        url = random_url(random)
        ours = our_fields(url)
        accepted += ours is not None
        found += (told for libpq in libraries() if (told := disagreement(url, ours, libpq)))
    versions = tuple(libpq.version for libpq in libraries())
    return Reading(cases, seed, accepted, versions, tuple(found))


def our_fields(url: str) -> dict[str, str] | None:
    """Return what we read in a URL, by libpq's words; None when we refuse it."""
    try:
        connection = parse_url(url)
    except InvalidRequest:
        return None
    endpoint = connection.endpoint
    fields = {
        "host": endpoint.host,
        "port": str(endpoint.port),
        "dbname": endpoint.database,
        "user": endpoint.user,
        "sslmode": endpoint.sslmode.value,
    }
    return fields | ({"password": connection.password} if connection.password else {})


def disagreement(url: str, ours: dict[str, str] | None, libpq: Libpq) -> str | None:
    """Say how libpq reads a URL that we accept, where it reads it in another way."""
    if ours is None:
        return None
    theirs = libpq.fields(url)
    if theirs is not None and _completed(theirs, ours) == ours:
        return None
    return f"{url!a}: ours {ours!a}, libpq {libpq.version} {theirs!a}"


def random_url(random: Random) -> str:
    """Put a URL together, mostly well-formed, now and then with something in between."""
    pick = random.choice
    url = SCHEMES[0] if random.random() < 0.9 else pick(SCHEMES)
    if random.random() < 0.6:
        url += pick(WORDS) + (":" + pick(WORDS) if random.random() < 0.6 else "") + "@"
    url += pick(HOSTS)
    if random.random() < 0.4:
        url += ":" + pick(PORTS)
    if random.random() < 0.8:
        url += "/" + pick(WORDS)
    if random.random() < 0.4:
        url += "?" + "&".join(_parameter(random) for _ in range(random.randint(1, 3)))
    if random.random() < 0.3:
        place = random.randint(0, len(url))
        url = url[:place] + pick((*GLUE, *WORDS)) + url[place:]
    return url


def _parameter(random: Random) -> str:
    name = random.choice(NAMES)
    values = {"host": HOSTS, "port": PORTS, "sslmode": MODES}.get(name, WORDS)
    return f"{name}={random.choice(values)}"


def _completed(theirs: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """Return libpq's reading with our defaults where it names nothing, for an exact comparison."""
    user = theirs.get("user") or Endpoint.model_fields["user"].default
    named = {name: theirs.get(name) or value for name, value in DEFAULTS.items()}
    named |= {"user": user, "dbname": theirs.get("dbname") or theirs.get("user") or "postgres"}
    named["port"] = named["port"].lstrip("0")
    named["sslmode"] = theirs.get("sslmode") or ours["sslmode"]
    return named | ({"password": theirs["password"]} if theirs.get("password") else {})
