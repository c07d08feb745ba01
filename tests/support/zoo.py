"""Fill a database with an object of every class: the statements stand in zoo.sql."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chalicelib.domain.connection import Connection
from tests.support.dumping import connected

ROLES: Final = ("zoo_keeper", "zoo visitor")
STATEMENTS: Final = Path(__file__).with_name("zoo.sql")


def build(connection: Connection) -> None:
    """Fill a database; the roles are the server's and stay."""
    with connected(connection) as session:
        for role in ROLES:
            found = session.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            if found is None:
                session.execute(f'CREATE ROLE "{role}"'.encode())
        session.execute(STATEMENTS.read_bytes())
