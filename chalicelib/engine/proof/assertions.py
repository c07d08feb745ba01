"""Ask a restored copy whether what its owner states in SQL holds.

Each statement runs alone, in a read-only transaction with a deadline, under a role that may read
everything and is no superuser: a statement cannot reach files, programs or other roles.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import psycopg
from psycopg import sql

from chalicelib.domain.connection import Connection
from chalicelib.domain.proof import Assertion, Difference
from chalicelib.engine.connection import Session, open_session, translated
from chalicelib.engine.faults import scrub
from chalicelib.engine.proof.scratch_database import NAME, OPTIONS
from chalicelib.engine.scratch import ScratchServer
from chalicelib.engine.sessions import Sessions

READS_ALL_SINCE: Final = 14
MILLISECONDS: Final = 1000


def reader_of(server: ScratchServer) -> Connection:
    """Make the role that assertions run under, and return how it reaches the copy."""
    # a name of its own each time: the dump may bring any role along
    user, password = f"holdfast_reader_{secrets.token_hex(8)}", secrets.token_urlsafe(24)
    create = sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS PASSWORD {}")
    admin = server.connection(NAME)
    with closing(open_session(admin, OPTIONS)) as session, translated(admin, started=True):
        session.execute(create.format(sql.Identifier(user), sql.Literal(password)))
        if server.major >= READS_ALL_SINCE:
            session.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(user)))
    return server.connection(NAME, user, password)


def ask(sessions: Sessions, assertions: Sequence[Assertion]) -> tuple[Difference, ...]:
    """Return those that do not hold, each by its name."""
    failed = []
    for assertion in assertions:
        # a session each: what one sets cannot reach the next
        with closing(sessions.open()) as session:
            difference = _ask(session, assertion)
        if difference is not None:
            failed.append(difference)
    return tuple(failed)


def _ask(session: Session, assertion: Assertion) -> Difference | None:
    expected = "true" if assertion.rows is None else f"{assertion.rows} rows"
    try:
        session.execute(b"BEGIN READ ONLY")
        timeout = sql.SQL("SET LOCAL statement_timeout = {}")
        session.execute(timeout.format(sql.Literal(assertion.timeout_s * MILLISECONDS)))
        found = _answer(session, assertion)
    except psycopg.errors.QueryCanceled:
        found = f"no answer within {assertion.timeout_s} s"
    except psycopg.Error as error:
        found = f"an error: {scrub(str(error))}"
    except UnicodeError:
        found = "an answer that is no text in UTF-8"
    if found == expected:
        return None
    return Difference(what=f"assertion {assertion.name}", expected=expected, found=found)


def _answer(session: Session, assertion: Assertion) -> str:
    first: tuple[Any, ...] | None = None
    rows = 0
    with session.cursor() as cursor:
        # row by row, so that an answer of any length takes no memory; one statement only, as the
        # extended protocol has it
        for row in cursor.stream(assertion.sql.encode()):
            first = row if first is None else first
            rows += 1
    if assertion.rows is not None:
        return f"{rows} rows"
    if rows == 1 and first is not None and len(first) == 1:
        return "true" if first[0] is True else scrub(str(first[0]))
    return f"{rows} rows"
