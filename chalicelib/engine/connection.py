"""Open sessions with psycopg: by fields, with the settings pg_dump uses, errors translated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Internal, SourceUnreachable
from chalicelib.domain.public_hosts import check_public_endpoint
from chalicelib.engine.faults import UNANSWERED, translate
from chalicelib.ports import HostGuard

CONNECT_TIMEOUT_S: Final = 10
DEAD_PEER_S: Final = 30
"""Seconds after which a session whose network fell silent is given up."""

NO_FILE: Final = "/nonexistent/holdfast"
"""A path that is never there, so that no password file of the worker's account is read."""

TRANSACTION_TIMEOUT_SINCE: Final = 17_00_00
MILLISECONDS: Final = 1000

Session = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class SessionOptions:
    """Say how sessions look: their mark in pg_stat_activity, their patience, their address.

    `hostaddr` pins the address a first session reached; TLS still checks the host's name. Until
    it is known, a `guard` gives the addresses to try and libpq resolves nothing. `role` is whom
    the session acts as after its login.
    """

    application_name: str
    lock_timeout_s: float
    hostaddr: str | None = None
    guard: HostGuard | None = None
    role: str | None = None


def open_session(connection: Connection, options: SessionOptions) -> Session:
    """Connect in autocommit mode; raises the SourceError classes.

    Under a guard also InvalidRequest, for a host or a port that shows what it is unresolved.
    """
    if options.guard is None or options.hostaddr is not None:
        return _open(connection, options)
    check_public_endpoint(connection.endpoint)
    silence = SourceUnreachable(UNANSWERED)
    for address in options.guard.addresses(connection.endpoint.host):
        try:
            return _open(connection, replace(options, hostaddr=address))
        except SourceUnreachable as error:
            # as libpq does: the next address only when nothing answered at this one
            if error.message != UNANSWERED:
                raise
            silence = error
    raise silence


def _open(connection: Connection, options: SessionOptions) -> Session:
    with translated(connection, started=False):
        session = psycopg.connect(**_fields(connection, options))
    try:
        with translated(connection, started=True):
            _settle(session, options)
    except BaseException:
        session.close()
        raise
    return session


@contextmanager
def translated(connection: Connection, *, started: bool) -> Iterator[None]:
    """Raise our errors instead of psycopg's."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(str(error), connection, started=started, state=error.sqlstate) from error
    except UnicodeError as error:
        raise Internal(
            "a name in the database is not valid in its encoding",
            hint="Rename the object, or convert the database from SQL_ASCII to UTF8.",
        ) from error


def server_version(session: Session) -> str:
    """Return the server's version, as in 18.6."""
    return str(session.info.parameter_status("server_version") or "").split(" ")[0]


def _fields(connection: Connection, options: SessionOptions) -> dict[str, Any]:
    endpoint = connection.endpoint
    return {
        "host": endpoint.host,
        "hostaddr": options.hostaddr,
        "port": endpoint.port,
        "dbname": endpoint.database,
        "user": endpoint.user,
        "password": connection.password or None,
        "passfile": NO_FILE,
        "sslmode": endpoint.sslmode.value,
        "sslrootcert": endpoint.trusted_roots,
        "gssencmode": "disable",
        "application_name": options.application_name,
        "client_encoding": "UTF8",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives": 1,
        "keepalives_idle": DEAD_PEER_S // 3,
        "keepalives_interval": DEAD_PEER_S // 3,
        "keepalives_count": 2,
        "tcp_user_timeout": DEAD_PEER_S * MILLISECONDS,
        "autocommit": True,
    }


def _settle(session: Session, options: SessionOptions) -> None:
    settings = {
        "datestyle": "ISO",
        "intervalstyle": "postgres",
        "extra_float_digits": "3",
        "lock_timeout": str(math.ceil(options.lock_timeout_s * MILLISECONDS)),
        "idle_in_transaction_session_timeout": "0",
        "synchronize_seqscans": "off",
        "row_security": "off",
        "search_path": "",
        "standard_conforming_strings": "on",
    }
    if session.info.server_version >= TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = "0"
    if options.role is not None:
        settings["role"] = options.role
    # first and alone: what a role or database allows may be less than the call below takes
    session.execute(b"SET statement_timeout = 0")
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [part for setting in settings.items() for part in setting]
    session.execute(f"SELECT {calls}".encode(), values)  # the text is made of constants only
