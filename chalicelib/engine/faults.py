"""Translate what PostgreSQL, libpq and pg_dump say into our errors: one table, no I/O.

SQLSTATEs come first, for a server may speak any language; the patterns are for libpq and the
clients, which run with LANG=C. Sentences never repeat addresses, ports or banners: whoever may
name a host must not learn from our answers what else listens there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    Internal,
    LockTimeout,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
    TlsFailed,
    VersionUnsupported,
    WorkerExhausted,
)

UNANSWERED: Final = "no PostgreSQL server answered"
"""What is said of every host where no session began, whatever is there and whatever it is."""

MAX_NAME = 150
MAX_REASON = 200
NAME: Final = re.compile(r"(?:permission denied for|for table|LOCK TABLE) (.+?)(?: IN ACCESS|\n|$)")
ADDRESS: Final = re.compile(r"\(?\b\d{1,3}(?:\.\d{1,3}){3}\b\)?|\b[0-9a-f]*(?:::?[0-9a-f]+){2,}\b")
SERVER_PREFIX: Final = re.compile(r"connection (?:to server )?(?:at|on) .*? failed:\s*")
CLIENT_PREFIX: Final = re.compile(r"^(?:pg_dump|pg_restore): (?:error: )?")


@dataclass(frozen=True)
class Row:
    """Map SQLSTATEs (whole or by their first letters) or a message to an error.

    The sentence may use {user}, {database} and {name}, the object the message speaks of. `started`
    limits the row to before (False) or after (True) the session began.
    """

    error: type[HoldfastError]
    sentence: str
    states: tuple[str, ...] = ()
    pattern: str = r"(?!)"
    started: bool | None = None
    hint: str | None = None

    def fits(self, state: str, text: str, *, started: bool) -> bool:
        """Tell whether this row is about the failure."""
        if self.started not in {None, started}:
            return False
        by_state = bool(state) and state.startswith(self.states) if self.states else False
        return by_state or re.search(self.pattern, text) is not None


LOST: Final = (
    "server closed the connection|terminating connection|connection to server was lost"
    "|connection (?:has been closed|was closed|is closed|is lost|reset)|SSL SYSCALL error"
    "|could not (?:receive|send) data|no connection to the server|server terminated abnormally"
    "|[Bb]roken pipe|Connection timed out"
)

TABLE: Final[tuple[Row, ...]] = (
    Row(
        WorkerExhausted,
        "the worker has no more open files for a connection",
        pattern=r"could not create socket: Too many open files",
    ),
    Row(
        WorkerExhausted,
        "the worker has no more memory",
        # libpq's and the clients' own words; a server says ERROR or FATAL before it
        pattern=r"(?m)^(?:pg_\w+: (?:error: )?)?out of memory$",
    ),
    Row(
        VersionUnsupported,
        "the server is newer than the client that was to dump it",
        pattern="server version mismatch",
    ),
    Row(
        PermissionDenied,
        "row-level security hides rows of {name} from user {user}",
        pattern="row-level security",
        hint="Back up as a role with BYPASSRLS, or as the owner of the table.",
    ),
    Row(
        LockTimeout,
        "another session holds a lock on {name}",
        states=("55P03",),
        # pg_dump's --lock-wait-timeout is a statement timeout around LOCK TABLE
        pattern=r"due to lock timeout|could not obtain lock|statement timeout[\s\S]*LOCK TABLE",
    ),
    Row(
        PermissionDenied,
        "user {user} has no permission for {name}",
        states=("42501",),
        pattern="permission denied for|must be owner of",
    ),
    Row(
        AuthenticationFailed,
        "the server refused user {user} or the password",
        states=("28",),
        pattern=(
            "password authentication failed|no pg_hba.conf entry|no password supplied"
            "|role .* does not exist|authentication failed|Tenant or user not found"
            "|is not permitted to log in|SCRAM|pg_hba.conf rejects"
        ),
    ),
    Row(
        SourceUnreachable,
        "database {database} does not exist",
        states=("3D000",),
        pattern="database .* does not exist",
    ),
    Row(
        SourceUnreachable,
        "the server has no free connection",
        states=("53300",),
        pattern="too many (?:clients|connections)|remaining connection slots",
        hint="Close some sessions, or raise max_connections or the role's limit.",
    ),
    Row(
        SourceLost,
        "the server ended the session or the way to it broke",
        states=("57P", "08", "25P03", "25P04"),
        pattern=LOST,
        started=True,
    ),
    Row(
        SourceLost,
        "the server cancelled a statement of the dump",
        states=("57014", "40001"),
        pattern="canceling statement|conflict with recovery",
        started=True,
        hint="Look for a statement timeout or, on a replica, for max_standby_streaming_delay.",
    ),
    Row(
        SourceLost,
        "the snapshot of the dump ended too early",
        pattern="could not import the requested snapshot|invalid snapshot identifier",
    ),
    Row(
        SourceUnreachable,
        UNANSWERED,
        # The last ones are what TLS makes of a banner that happens to begin with PostgreSQL's S.
        pattern=(
            "invalid response to SSL negotiation|Is the server running"
            "|SSL error: (?:unexpected eof|wrong version number|packet length|record layer"
            "|http request|bad record type)"
        ),
        started=False,
    ),
    Row(
        TlsFailed,
        "no TLS session with the asked-for guarantees could be made",
        pattern=(
            "does not support SSL|certificate|SSL error|SSL support|sslmode value|tlsv1|"
            "SSL is not|requires SSL"
        ),
    ),
    Row(
        SourceUnreachable,
        UNANSWERED,
        states=("57P", "08"),
        pattern=(
            f"{LOST}|could not translate host name|failed to resolve|[Nn]ame or service not known"
            "|refused|timeout expired|timed out|No such file|unreachable|No route to host"
            "|expected authentication request|starting up|shutting down|received invalid"
        ),
        started=False,
    ),
)


def translate(
    text: str, connection: Connection, *, started: bool, state: str | None = None
) -> HoldfastError:
    """Return the error for a failure; what no row knows is Internal with a scrubbed reason.

    Before a session began, the unknown is SourceUnreachable: nothing of the answer may be told.
    """
    for row in TABLE:
        if row.fits(state or "", text, started=started):
            return row.error(_sentence(row, text, connection), hint=row.hint)
    if not started:
        return SourceUnreachable(UNANSWERED)
    return Internal(f"PostgreSQL reported: {scrub(text, connection.password)}")


def scrub(text: str, password: str = "") -> str:
    """Return the first line of a message without address, password and control characters."""
    line = next((line for line in text.splitlines() if line.strip()), "nothing")
    line = CLIENT_PREFIX.sub("", SERVER_PREFIX.sub("", line.strip()))
    if password:
        line = line.replace(password, "…")
    return printable(ADDRESS.sub("…", line))[:MAX_REASON].rstrip(". ")


def printable(text: str) -> str:
    """Return the text with a mark for each character that does not show."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _sentence(row: Row, text: str, connection: Connection) -> str:
    found = NAME.findall(text)
    endpoint = connection.endpoint
    return row.sentence.format(
        name=printable(found[-1])[:MAX_NAME] if found else "an object",
        user=printable(endpoint.user)[:MAX_NAME],
        database=printable(endpoint.database)[:MAX_NAME],
    )
