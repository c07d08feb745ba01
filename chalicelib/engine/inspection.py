"""Look at a server without dumping it: what it is, what it holds, what a backup would meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import BackupType
from chalicelib.domain.connection import Connection
from chalicelib.engine import catalogue, obstacles
from chalicelib.engine.clients import Client
from chalicelib.engine.connection import (
    Session,
    SessionOptions,
    open_session,
    server_version,
    translated,
)
from chalicelib.engine.faults import printable
from chalicelib.engine.versions import parse
from chalicelib.ports import HostGuard
from chalicelib.postgres_ports import Estimate, SourceReport

MAX_NAMED: Final = 5

DATABASES: Final = b"""
SELECT datname FROM pg_catalog.pg_database
 WHERE datallowconn AND NOT datistemplate AND pg_catalog.has_database_privilege(oid, 'CONNECT')
 ORDER BY datname
"""

ROLE: Final = b"""
SELECT rolsuper, rolsuper OR rolbypassrls, pg_catalog.pg_is_in_recovery()
  FROM pg_catalog.pg_roles WHERE rolname = current_user
"""

# pg_dump locks every table of these kinds, and a lock asks for the right to read.
UNREADABLE: Final = b"""
SELECT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND n.nspname <> ALL(%s)
   AND NOT (CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                 ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
 ORDER BY 1
"""

HIDING_ROWS: Final = b"""
SELECT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid)
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND n.nspname <> ALL(%s)
 ORDER BY 1
"""


@dataclass(frozen=True)
class Facts:
    """Hold what a plan needs to know of a server; `version` is as in 18.6."""

    version: str
    is_encrypted: bool


@contextmanager
def looking(
    connection: Connection, lock_timeout_s: float, guard: HostGuard | None
) -> Iterator[Session]:
    """Open a session for questions, errors translated."""
    options = SessionOptions("holdfast inspection", lock_timeout_s, guard=guard)
    with (
        closing(open_session(connection, options)) as session,
        translated(connection, started=True),
    ):
        yield session


def facts(session: Session) -> Facts:
    """Return what a plan needs to know."""
    return Facts(server_version(session), session.pgconn.ssl_in_use)


@dataclass(frozen=True)
class Looked:
    """Say what a report is about: a connection, the clients at hand, schemas that do not count."""

    connection: Connection
    clients: tuple[Client, ...]
    ignoring: tuple[str, ...] = ()


def report(session: Session, looked: Looked) -> SourceReport:
    """Say what a backup would meet."""
    connection = looked.connection
    role = session.execute(ROLE).fetchone() or (False, False, False)
    found = facts(session)
    major = parse(found.version).major
    fitting = tuple(str(c.version) for c in looked.clients if c.version.major >= major)
    return SourceReport(
        server_version=found.version,
        database=connection.endpoint.database,
        user=connection.endpoint.user,
        tls=found.is_encrypted,
        is_superuser=bool(role[0]),
        bypasses_rls=bool(role[1]),
        is_replica=bool(role[2]),
        clients=fitting,
        problems=_problems(session, fitting, found.version, looked.ignoring),
        warnings=_warnings(found, connection, is_superuser=bool(role[0])),
    )


def databases(session: Session) -> tuple[str, ...]:
    """List the databases one may connect to, without templates."""
    return tuple(str(row[0]) for row in session.execute(DATABASES).fetchall())


def estimate(session: Session, kind: BackupType) -> Estimate:
    """Size a backup from the catalogue; a schema backup holds no table bytes."""
    session.execute(b"BEGIN READ ONLY")
    # first: asking for sizes waits for the very locks that are listed here
    held_up = obstacles.locks(session), obstacles.long_transactions(session)
    tables = catalogue.tables(session)
    held = () if kind is BackupType.SCHEMA else tables
    found = Estimate(
        tables=len(tables),
        table_bytes=sum(table.size_bytes for table in held if table.why_uncounted is None),
        large_objects=0 if kind is BackupType.SCHEMA else catalogue.large_objects(session),
        database_bytes=catalogue.database_bytes(session),
        locks=held_up[0],
        transactions=held_up[1],
    )
    session.execute(b"COMMIT")
    return found


def _problems(
    session: Session, fitting: tuple[str, ...], version: str, ignoring: tuple[str, ...]
) -> tuple[str, ...]:
    problems = []
    if not fitting:
        problems.append(f"no client at hand can dump a server of version {version}")
    unreadable = _names(session, UNREADABLE, ignoring)
    if unreadable:
        problems.append(f"the role may not read {_listed(unreadable)}")
    hiding = _names(session, HIDING_ROWS, ignoring)
    if hiding:
        problems.append(f"row-level security hides rows of {_listed(hiding)} from the role")
    return tuple(problems)


def _warnings(found: Facts, connection: Connection, *, is_superuser: bool) -> tuple[str, ...]:
    warnings = []
    if not found.is_encrypted and not connection.endpoint.is_socket:
        warnings.append("the connection is not encrypted")
    if is_superuser:
        warnings.append("the role is a superuser; a role with pg_read_all_data would do")
    return tuple(warnings)


def _names(session: Session, query: bytes, ignoring: tuple[str, ...]) -> list[str]:
    return [str(row[0]) for row in session.execute(query, (list(ignoring),)).fetchall()]


def _listed(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
