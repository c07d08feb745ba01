"""Ask a database something: a query whose one text column gives the answer's lines."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.connection import Connection
from chalicelib.engine.inspection import looking
from chalicelib.ports import HostGuard


@dataclass(frozen=True)
class PostgresAsker:
    """Ask in read-only transactions; with a `guard`, at addresses it gives and nowhere else."""

    lock_timeout_s: float
    guard: HostGuard | None = None

    def ask(self, connection: Connection, sql: str) -> tuple[str, ...]:
        """Return the lines; raises the SourceError classes."""
        with looking(connection, self.lock_timeout_s, self.guard) as session:
            session.execute(b"BEGIN READ ONLY")
            lines = tuple(str(row[0]) for row in session.execute(sql.encode()).fetchall())
            session.execute(b"COMMIT")
        return lines
