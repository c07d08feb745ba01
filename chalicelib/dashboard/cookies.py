"""The session's cookie: out of a request, into an answer."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from chalicelib.domain.session import LIFETIME

_PLAIN: Final = "holdfast_session"
_SECURE: Final = "__Host-holdfast_session"
"""Browsers take this prefix from TLS only, and let no neighbouring host overwrite it."""


def read_cookie(header: str, public_url: str) -> str | None:
    """Return the session's value out of a Cookie header; None when there is none to be read."""
    try:
        found = SimpleCookie(header).get(_name(public_url))
    except CookieError:
        # Cookies of other applications on this host are none of ours to complain about.
        return None
    return found.value if found and found.value else None


def set_cookie(value: str, public_url: str) -> str:
    """Return the Set-Cookie header; an empty value ends the session in the browser."""
    age = int(LIFETIME.total_seconds()) if value else 0
    secure = "; Secure" if _is_secure(public_url) else ""
    # Lax, not Strict: a link in a notice must open its page for whoever is signed in.
    return f"{_name(public_url)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def _name(public_url: str) -> str:
    return _SECURE if _is_secure(public_url) else _PLAIN


def _is_secure(public_url: str) -> bool:
    return urlsplit(public_url).scheme == "https"
