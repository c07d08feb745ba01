"""Who stands in a dump's way: sessions with locks it would wait for, and transactions that last.

A statement's text is never read: it may hold anything, and what is needed to end a session is its
pid.
"""

from __future__ import annotations

from typing import Any, Final

from chalicelib.domain.estimate import LockHeld, OpenTransaction
from chalicelib.engine.connection import Session
from chalicelib.engine.faults import printable

LONG_TRANSACTION_S: Final = 60
MAX_LISTED: Final = 20

# pg_dump takes ACCESS SHARE, which only ACCESS EXCLUSIVE keeps out: once granted, and while asked
# for as well, because locks are given in the order of asking. Relations that only the holder can
# see yet are not joined: the dump would not see them either.
LOCKS: Final = b"""
SELECT n.nspname || '.' || c.relname, l.pid, l.granted, a.usename,
       CASE WHEN l.pid IS NULL THEN 'prepared' ELSE a.state END,
       EXTRACT(epoch FROM clock_timestamp() - a.xact_start)::float8
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND n.nspname !~ '^pg_(toast|temp)'
 ORDER BY a.xact_start NULLS FIRST, 1, 2
 LIMIT %s
"""

TRANSACTIONS: Final = b"""
SELECT pid, usename, state, EXTRACT(epoch FROM clock_timestamp() - xact_start)::float8
  FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend'
   AND pid <> pg_backend_pid()
   AND xact_start < clock_timestamp() - %s * interval '1 second'
 ORDER BY xact_start
 LIMIT %s
"""


def locks(session: Session) -> tuple[LockHeld, ...]:
    """List who holds a lock that a dump would wait for, or waits for one, oldest first."""
    rows = session.execute(LOCKS, (MAX_LISTED,)).fetchall()
    return tuple(
        LockHeld(printable(relation), pid, granted, _name(user), state, age_s)
        for relation, pid, granted, user, state, age_s in rows
    )


def long_transactions(
    session: Session, longer_than_s: float = LONG_TRANSACTION_S
) -> tuple[OpenTransaction, ...]:
    """List transactions that have been open for longer, oldest first."""
    rows = session.execute(TRANSACTIONS, (longer_than_s, MAX_LISTED)).fetchall()
    return tuple(
        OpenTransaction(pid, _name(user), state, age_s) for pid, user, state, age_s in rows
    )


def _name(user: Any) -> str | None:
    return None if user is None else printable(user)
