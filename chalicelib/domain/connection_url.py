"""Split a postgresql:// URL as libpq does, and refuse what the two could read differently.

General URL parsers disagree with libpq: they take the last `@` and not the first, turn `+` into a
blank, drop tabs and line breaks, read Unicode digits. Each of these can name one host to us and
another to libpq, so the grammar here is libpq's own (conninfo_uri_parse_options in fe-connect.c)
less everything that would need a rule of precedence.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from chalicelib.domain.errors import InvalidRequest

ALLOWED_PARAMETERS: Final = frozenset(
    {"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "application_name"}
)

# A bare ? or / would end user and password for us or for libpq alone. A [ opens an IPv6 address.
URL: Final = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:/?@]*)(?::(?P<password>[^/?@]*))?@)?"
    r"(?:\[(?P<v6>[^\[\]/?@]+)\]|(?P<host>[^:/?@\[\]]*))"
    r"(?::(?P<port>[0-9]*))?"
    r"(?P<path>/(?P<dbname>[^?]*))?"
    r"(?:\?(?P<query>.*))?"
)
BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
UNPRINTED: Final = re.compile(r"[\x00-\x20\x7f]")


def split_url(url: str) -> dict[str, str]:
    """Return the fields that the URL names, decoded, by libpq's words.

    Raises InvalidRequest, whose message never repeats the URL, because it may hold a password.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise refused("the URL must begin with postgresql://")
    if "#" in url:
        raise refused("a # in a URL must be written %23")
    if UNPRINTED.search(url):
        raise refused("blanks and control characters in a URL must be written as in %20")
    parts = URL.fullmatch(url)
    if parts is None:
        raise refused("the URL cannot be read")
    if "," in (parts["v6"] or parts["host"]):
        raise refused("only one host can be named", "host")
    query = parts["query"] or ""
    if parts["path"] is None and "@" in query:
        # without a path libpq takes all before the @ for user and password
        raise refused("an @ in the parameters of a URL must be written %40")
    names = ("user", "password", "v6", "host", "port", "dbname")
    named = {name: _decoded(parts[name]) for name in names if parts[name]}
    if "v6" in named:
        named["host"] = named.pop("v6")
    return _parameters(query, named)


def refused(message: str, where: str = "url") -> InvalidRequest:
    """Return the refusal of a URL or of one of its fields."""
    written = "Write postgresql://user:password@host:port/database?sslmode=require."
    return InvalidRequest(message, hint=written if where == "url" else None, field=where)


def _parameters(query: str, named: dict[str, str]) -> dict[str, str]:
    fields = dict(named)
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if not value or "=" in value:
            raise refused("the parameters of the URL cannot be read")
        if name not in ALLOWED_PARAMETERS:
            # unnamed: a password with a bare ? in it would be read as parameters
            allowed = ", ".join(sorted(ALLOWED_PARAMETERS))
            raise refused(f"a parameter of the URL is not taken; these are: {allowed}")
        if name in fields:
            raise refused("a part of the URL is given twice")
        fields[name] = _decoded(value)
    return fields


def _decoded(text: str) -> str:
    if BAD_ESCAPE.search(text):
        raise refused("a % in a URL must be written %25")
    if "%00" in text:
        raise refused("the URL holds a NUL")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError as error:
        raise refused("the URL does not spell UTF-8") from error
