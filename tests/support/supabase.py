"""Run stand-ins of Supabase projects, and stock programs against them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn

MAJOR = 18
TIMEOUT_S = 60


@contextmanager
def running_stand_in(
    major: int = MAJOR, options: StandInOptions | None = None
) -> Iterator[SupabaseStandIn]:
    """Run an empty project on a server of a major version."""
    programs = next((found for found in find_servers() if found.major == major), None)
    if programs is None:
        pytest.skip(f"NOT TESTED: no PostgreSQL {major} server programs on this machine")
    with SupabaseStandIn(programs, options) as stand_in:
        yield stand_in


Stock = Callable[..., "subprocess.CompletedProcess[str]"]


def stock(bin_dir: Path) -> Stock:
    """Return what runs a stock program against a database, with its arguments."""

    def run(
        program: str, connection: Connection, *arguments: str | Path
    ) -> subprocess.CompletedProcess[str]:
        endpoint = connection.endpoint
        environment = {
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGUSER": endpoint.user,
            "PGPASSWORD": connection.password,
            "PGDATABASE": endpoint.database,
            "LANG": "C.UTF-8",
        }
        return subprocess.run(
            [bin_dir / program, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run
