"""Recognise what people paste for a Supabase project: any of its connection URLs and pages.

| pasted | becomes |
|---|---|
| the reference, a page of the dashboard, the project's own URL | its database as resolved |
| db.REF.supabase.co, port 5432 | directly where that works, else as resolved |
| a pooler's host, port 5432, user ROLE.REF | exactly that: the session pooler |
| port 6543 of either | refused: the transaction pooler keeps no session |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.connection import Connection, Endpoint, SslMode, parse_url, url_of
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.supabase import REF, Reached

OWNER: Final = "postgres"
TRANSACTION_PORT: Final = 6543
PLACEHOLDERS: Final = frozenset({"[YOUR-PASSWORD]", "[YOUR_PASSWORD]"})
"""What the dashboard writes where the password goes."""

DATABASE_HOST: Final = re.compile(rf"db\.({REF})\.supabase\.(?:co|com|in)")
POOLER_HOST: Final = re.compile(r"(?:[a-z0-9-]+\.)+pooler\.supabase\.(?:co|com|in)")
POOLED_USER: Final = re.compile(rf"(.+)\.({REF})")
PAGES: Final = (
    re.compile(rf"({REF})"),
    re.compile(
        rf"https://(?:supabase\.com/dashboard|app\.supabase\.com)/project/({REF})(?:[/?#].*)?"
    ),
    re.compile(rf"https://({REF})\.(?:storage\.)?supabase\.co(?:[/?#].*)?"),
)

SESSION_HINT: Final = (
    "Use the session pooler: the same host and user ROLE.REF with port 5432, which the dashboard"
    " shows under Connect, Session pooler; or give the project's reference alone."
)


@dataclass(frozen=True)
class SupabasePlace:
    """Say which project was meant; `password` is empty where none was pasted."""

    ref: str
    reached: Reached
    endpoint: Endpoint
    password: str = field(repr=False, default="")

    @property
    def text(self) -> str:
        """What may be pasted for the same place; its password is left out."""
        return self.ref if self.reached is Reached.RESOLVED else url_of(self.endpoint)


def direct_endpoint(ref: str, role: str = OWNER) -> Endpoint:
    """Return the database's own address, which stands for a project until it is resolved."""
    return Endpoint(
        host=f"db.{ref}.supabase.co", database="postgres", user=role, sslmode=SslMode.REQUIRE
    )


def supabase_place(pasted: str) -> SupabasePlace | None:
    """Return the project that the pasted text names; None where it is no address of Supabase.

    InvalidRequest, which never repeats the text, for the transaction pooler and for a pooler's
    address without the reference in its user.
    """
    for page in PAGES:
        found = page.fullmatch(pasted)
        if found is not None:
            return SupabasePlace(found[1], Reached.RESOLVED, direct_endpoint(found[1]))
    if not pasted.startswith(("postgresql://", "postgres://")):
        return None
    return place_of(parse_url(pasted))


def refuse_transaction_pooler(endpoint: Endpoint) -> None:
    """Refuse the address of a pooler that gives every transaction another session.

    A dump needs its settings, its snapshot and its prepared statements to stay.
    """
    host = endpoint.host.lower()
    is_known = DATABASE_HOST.fullmatch(host) or POOLER_HOST.fullmatch(host)
    if is_known and endpoint.port == TRANSACTION_PORT:
        raise InvalidRequest(
            "port 6543 is Supabase's transaction pooler, which keeps no session for a dump",
            hint=SESSION_HINT,
            field="url",
        )


def place_of(connection: Connection) -> SupabasePlace | None:
    """Return the project that a connection leads to, as `supabase_place` does for its URL."""
    endpoint = connection.endpoint
    refuse_transaction_pooler(endpoint)
    host = endpoint.host.lower()
    password = "" if connection.password in PLACEHOLDERS else connection.password
    own = DATABASE_HOST.fullmatch(host)
    if own is not None:
        return SupabasePlace(own[1], Reached.DIRECT, endpoint, password)
    if POOLER_HOST.fullmatch(host) is None:
        return None
    user = POOLED_USER.fullmatch(endpoint.user)
    if user is None:
        raise InvalidRequest(
            "the pooler takes the user as ROLE.REF, and this user has no reference",
            hint="Paste the whole URL of the session pooler as the dashboard shows it.",
            field="url",
        )
    return SupabasePlace(user[2], Reached.GIVEN, endpoint, password)
