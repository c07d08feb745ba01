"""Make the roles of a source in a scratch server by the statements that a backup keeps of them.

Before the restore the roles are made and joined; after it, and after all that is compared and
asserted, they get their settings, for some of these would change how sessions of ours work. Then
the server is asked what the source was asked, and must give the same statements again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from chalicelib.domain.proof import Difference, Unproven
from chalicelib.domain.role_statements import roles_query
from chalicelib.engine.connection import Session, open_session, translated
from chalicelib.engine.own_server import SUPERUSER
from chalicelib.engine.proof.copies import write_as
from chalicelib.engine.proof.role_file import RoleStatement, RoleStatements
from chalicelib.engine.proof.scratch_database import OPTIONS
from chalicelib.engine.scratch import ScratchServer

REFUSALS: Final = (psycopg.ProgrammingError, psycopg.DataError)
OF_OUR_OWN: Final = "the scratch server has a role of this name of its own"


@dataclass(frozen=True)
class RolesFound:
    """Hold what came of asking for the roles again; `compared` counts statements."""

    compared: int = 0
    differences: tuple[Difference, ...] = ()
    unproven: tuple[Unproven, ...] = ()


def make(server: ScratchServer, statements: RoleStatements) -> tuple[Difference, ...]:
    """Make roles and memberships; return the statements that the server refused."""
    if not statements.makers:
        return ()
    with _session(server) as session:
        tried = [(one, _refusal(session, one)) for one in statements.makers if not _is_own(one)]
    return tuple(
        Difference(what=_what(one), expected="accepted", found=refusal)
        for one, refusal in tried
        if refusal is not None
    )


def compare(
    server: ScratchServer, statements: RoleStatements, settings: Mapping[str, str]
) -> RolesFound:
    """Give the roles their settings, then ask for all statements again.

    What this server cannot have is no difference: settings for a database or of a library that is
    not here, another role of the name of its own. `settings` are the source's, under which it wrote
    times as text.
    """
    if not statements.all:
        return RolesFound()
    with _session(server) as session:
        tried = [(one, _refusal(session, one)) for one in statements.settings]
        write_as(session, settings)
        asked = {str(row[0]) for row in session.execute(roles_query().encode())}
    reasons = {one: refusal for one, refusal in tried if refusal is not None}
    others = [one for one in statements.makers if one.text not in asked]
    reasons |= {one: OF_OUR_OWN for one in others if _is_own(one)}
    measured = [one for one in statements.all if one not in reasons]
    return RolesFound(
        len(measured),
        tuple(
            Difference(what=_what(one), expected=one.text, found=None)
            for one in measured
            if one.text not in asked
        ),
        tuple(Unproven(what=_what(one), reason=reason) for one, reason in reasons.items()),
    )


def _is_own(statement: RoleStatement) -> bool:
    return statement.roles[0] == SUPERUSER


def _what(statement: RoleStatement) -> str:
    return f"role {statement.roles[0]}: {statement.text}"


def _refusal(session: Session, statement: RoleStatement) -> str | None:
    try:
        session.execute(statement.text.encode())
    except REFUSALS as error:
        return (str(error).splitlines() or ["it refused"])[0]
    return None


@contextmanager
def _session(server: ScratchServer) -> Iterator[Session]:
    connection = server.connection()
    with (
        closing(open_session(connection, OPTIONS)) as session,
        translated(connection, started=True),
    ):
        yield session
