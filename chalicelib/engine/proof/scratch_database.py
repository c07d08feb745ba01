"""Make the database that a dump is restored into: the source's roles, encoding and locale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Final

import psycopg
from psycopg import sql

from chalicelib.domain.errors import Unsupported
from chalicelib.domain.facts import DatabaseFacts, LocaleFact, RoleFact
from chalicelib.domain.proof import Unproven
from chalicelib.engine.connection import Session, SessionOptions, open_session, translated
from chalicelib.engine.own_server import SUPERUSER
from chalicelib.engine.scratch import ScratchServer

NAME: Final = "proof"
OPTIONS: Final = SessionOptions("holdfast proof", lock_timeout_s=60.0)
PROVIDERS_SINCE: Final = 15
ICU_LOCALE: Final = sql.SQL(" ICU_LOCALE {}")
BUILTIN_LOCALE: Final = sql.SQL(" BUILTIN_LOCALE {}")


def make(
    server: ScratchServer, facts: DatabaseFacts | None, roles: Sequence[RoleFact]
) -> tuple[Unproven, ...]:
    """Make plain roles and the empty database; return what cannot be proven in it."""
    connection = server.connection()
    with (
        closing(open_session(connection, OPTIONS)) as session,
        translated(connection, started=True),
    ):
        if facts is None:
            _create(session, sql.SQL(""))
            return ()
        for role in roles:
            _create_role(session, role)
        return _create_like(session, facts.locale, server.major)


def make_schemas(server: ScratchServer, names: Iterable[str]) -> None:
    """Make schemas that archives refer to and none of them holds."""
    connection = server.connection(NAME)
    with (
        closing(open_session(connection, OPTIONS)) as session,
        translated(connection, started=True),
    ):
        for name in names:
            session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))


def tidy(server: ScratchServer, facts: DatabaseFacts | None) -> None:
    """Remove what every new database has and the source has not: a dump does not say that."""
    if facts is None or "public" in facts.definitions.get("schema", {"public": ""}):
        return
    connection = server.connection(NAME)
    with (
        closing(open_session(connection, OPTIONS)) as session,
        translated(connection, started=True),
    ):
        session.execute(b"DROP SCHEMA public")


def missing_extensions(server: ScratchServer, facts: DatabaseFacts | None) -> frozenset[str]:
    """Name the extensions of the source that the scratch server cannot make."""
    connection = server.connection()
    with (
        closing(open_session(connection, OPTIONS)) as session,
        translated(connection, started=True),
    ):
        rows = session.execute(b"SELECT name::text FROM pg_available_extensions").fetchall()
    return frozenset(facts.extensions if facts else ()) - {str(row[0]) for row in rows}


def require_extensions(missing: frozenset[str]) -> None:
    """Refuse with Unsupported where any is missing.

    What depends on it could not be restored, so there would be nothing to compare.
    """
    if missing:
        raise Unsupported(
            f"the scratch server does not have the extensions {', '.join(sorted(missing))}",
            hint="Install them beside the server programs of the worker.",
        )


def _create_role(session: Session, role: RoleFact) -> None:
    if role.name == SUPERUSER:
        return
    # some kinds of objects must belong to a superuser; nobody can log in as one of these
    power = sql.SQL("SUPERUSER" if role.is_superuser else "NOSUPERUSER")
    statement = sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(role.name), power)
    session.execute(statement)


def _create_like(session: Session, locale: LocaleFact, major: int) -> tuple[Unproven, ...]:
    try:
        _create(session, _clauses(locale, major))
    except psycopg.Error as error:
        encoding = sql.SQL(" ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'")
        _create(session, encoding.format(sql.Literal(locale.encoding)))
        why = (str(error).splitlines() or ["it refused"])[0]
        return (
            Unproven(
                what="collation",
                reason=f"text is sorted by C, not by {locale.name or locale.collate}: {why}",
            ),
        )
    return ()


def _create(session: Session, clauses: sql.Composable) -> None:
    # template0, as pg_restore's manual asks: template1 may hold things of its own
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0{}")
    session.execute(statement.format(sql.Identifier(NAME), clauses))


def _clauses(locale: LocaleFact, major: int) -> sql.Composable:
    clauses = sql.SQL(" ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        sql.Literal(locale.encoding), sql.Literal(locale.collate), sql.Literal(locale.ctype)
    )
    if major < PROVIDERS_SINCE:
        return clauses
    provider = sql.SQL(" LOCALE_PROVIDER {}").format(sql.Identifier(locale.provider))
    if locale.name is None or locale.provider == "libc":
        return clauses + provider
    named = ICU_LOCALE if locale.provider == "icu" else BUILTIN_LOCALE
    return clauses + provider + named.format(sql.Literal(locale.name))
