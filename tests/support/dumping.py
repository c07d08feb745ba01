"""Dump, restore and compare real databases; stub client programs; watches to cancel with."""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import zstandard
from psycopg import sql

from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import BackupOptions, Compression, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Cancelled
from chalicelib.domain.progress import Progress
from chalicelib.engine.clients import Clients, default_folders
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.ports import HostGuard
from chalicelib.postgres_ports import DumpPlan, DumpRequest, DumpResult, Sink, Watch

RUN_ID = "01TESTRUN"
CLIENTS = frozenset({"pg_dump", "pg_restore", "sleep", "yes", "sh"})


class Bystander:
    """Watch without ever stopping anything; remember what was published and how often."""

    def __init__(self) -> None:
        self.published: list[Progress] = []
        self.looks: list[float] = []

    def check(self, progress: Progress | None = None) -> None:
        self.looks.append(time.monotonic())
        if progress is not None:
            self.published.append(progress)


class Canceller:
    """Cancel once `when` says so; remember the moment."""

    def __init__(self, when: Callable[[], bool]) -> None:
        self._when = when
        self.cancelled_at = 0.0

    def check(self, progress: Progress | None = None) -> None:
        if self._when():
            self.cancelled_at = time.monotonic()
            raise Cancelled("the test cancels")


@dataclass
class MemorySink:
    """Keep what is written; do something at the first bytes."""

    on_first_bytes: Callable[[], None]
    chunks: list[bytes] = field(default_factory=list)

    def write(self, data: bytes | memoryview) -> None:
        self.chunks.append(bytes(data))
        if len(self.chunks) == 1:
            self.on_first_bytes()

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


@dataclass(frozen=True)
class Dumped:
    """Hold what came of a dump."""

    plan: DumpPlan
    result: DumpResult
    files: dict[str, bytes]

    @property
    def main(self) -> bytes:
        return next(data for name, data in self.files.items() if name.startswith("database."))


class Dumper:
    """Drive one engine over a scratch folder of its own."""

    def __init__(
        self,
        scratch: Path,
        clients: Clients | None = None,
        *,
        lock_timeout_s: float = 30.0,
        guard: HostGuard | None = None,
        client_dirs: tuple[Path, ...] = (),
    ) -> None:
        self.scratch = scratch
        settings = EngineSettings(client_dirs, "warn", lock_timeout_s, scratch, guard)
        self.clients = clients or Clients(default_folders(client_dirs))
        self.clock = SystemClock()
        self.engine = PostgresEngine(settings, self.clock, self.clients)
        self.sinks: dict[str, MemorySink] = {}
        self.reads_twice = False
        self.on_first_bytes: Callable[[], None] = lambda: None

    def dump(
        self,
        connection: Connection,
        options: BackupOptions | None = None,
        watch: Watch | None = None,
    ) -> Dumped:
        plan = self.engine.plan(connection, options or BackupOptions())
        return self.dump_planned(connection, plan, watch)

    def dump_planned(
        self, connection: Connection, plan: DumpPlan, watch: Watch | None = None
    ) -> Dumped:
        return self.run(DumpRequest(connection, plan, RUN_ID, self.reads_twice), watch)

    def run(self, request: DumpRequest, watch: Watch | None = None) -> Dumped:
        """Dump exactly what a request says."""
        self.sinks.clear()
        result = self.engine.dump(request, self.open_sink, watch or Bystander())
        return Dumped(request.plan, result, {name: s.data for name, s in self.sinks.items()})

    def open_sink(self, name: str) -> Sink:
        self.sinks[name] = MemorySink(self.on_first_bytes)
        return self.sinks[name]

    def leftovers(self) -> list[Path]:
        return list(self.scratch.rglob("*"))


def stub_clients(folder: Path, body: str) -> Clients:
    """Make a client folder whose pg_dump answers probes as 18.6 without zstd, then does `body`."""
    folder.mkdir()
    script = f"""#!/bin/sh
case "$*" in *--version*) echo "pg_dump (PostgreSQL) 18.6"; exit 0;; esac
case "$PGHOST" in /nonexistent/*) echo "does not support compression" >&2; exit 1;; esac
{body}
"""
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return Clients([folder])


@contextmanager
def connected(connection: Connection) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Open a plain session of the test's own, in autocommit mode."""
    endpoint = connection.endpoint
    with psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        dbname=endpoint.database,
        user=endpoint.user,
        password=connection.password,
        autocommit=True,
    ) as session:
        yield session


def execute(connection: Connection, *statements: str) -> None:
    """Run statements, each on its own."""
    with connected(connection) as session:
        for statement in statements:
            session.execute(statement.encode())


@contextmanager
def locked(connection: Connection, table: str) -> Iterator[None]:
    """Hold an exclusive lock on a table."""
    with connected(connection) as session:
        session.execute(b"BEGIN")
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        session.execute(b"ROLLBACK")


def endpoint_of(connection: Connection, **changes: object) -> Connection:
    """Return the connection with another host, port, user or TLS mode."""
    return Connection(connection.endpoint.model_copy(update=changes), connection.password)


def sessions_of_ours(connection: Connection) -> int:
    """Count the engine's sessions on the server."""
    with connected(connection) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast %'"
        ).fetchone()
    return int(str(row[0])) if row else -1


def clients_running() -> list[str]:
    """Name the client programs (and what stubs are made of) that descend from this process."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            name, rest = entry.read_text().split("(", 1)[1].rsplit(")", 1)
            parents[int(entry.parent.name)] = int(rest.split()[1])
            names[int(entry.parent.name)] = name
    return [names[pid] for pid in names if names[pid] in CLIENTS and _is_ours(pid, parents)]


def _is_ours(pid: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid]
    return pid == os.getpid()


def memory_bytes() -> int:
    """Return what this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def restore(dumped: Dumped, target: Connection, bin_dir: Path) -> None:
    """Restore with the stock programs; data-only dumps bring their schema along."""
    if "schema.dump" in dumped.files:
        _psql(_script(dumped.files["schema.dump"], bin_dir), target, bin_dir)
    is_custom = dumped.plan.format is Format.CUSTOM
    script = _script(dumped.main, bin_dir) if is_custom else unpacked(dumped)
    _psql(script, target, bin_dir)


def unpacked(dumped: Dumped) -> bytes:
    """Return a plain dump's script, decompressed by somebody else's code where there is any."""
    match dumped.plan.compression:
        case Compression.NONE:
            return dumped.main
        case Compression.GZIP:
            return gzip.decompress(dumped.main)
        case Compression.BZIP2:
            return bz2.decompress(dumped.main)
        case Compression.ZSTD:
            return zstandard.ZstdDecompressor().decompressobj().decompress(dumped.main)


def contents(connection: Connection) -> dict[str, list[str]]:
    """Return every row of every table as text, and the large objects."""
    found: dict[str, list[str]] = {}
    with connected(connection) as session:
        tables = session.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'"
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("SELECT t::text FROM {} t ORDER BY 1")
            rows = session.execute(query.format(sql.Identifier(str(schema), str(table))))
            found[f"{schema}.{table}"] = [str(row[0]) for row in rows]
        blobs = session.execute(
            "SELECT oid::text || ':' || encode(lo_get(oid), 'hex')"
            " FROM pg_largeobject_metadata ORDER BY 1"
        )
        found["large objects"] = [str(row[0]) for row in blobs]
    return found


def _script(archive: bytes, bin_dir: Path) -> bytes:
    argv = [str(bin_dir / "pg_restore"), "--file=-"]
    return subprocess.run(argv, input=archive, capture_output=True, check=True).stdout


def client_environment(connection: Connection) -> dict[str, str]:
    """Return what a stock client program needs to reach a database."""
    endpoint = connection.endpoint
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.user,
        "PGDATABASE": endpoint.database,
        "PGPASSWORD": connection.password,
    }


def _psql(script: bytes, target: Connection, bin_dir: Path) -> None:
    done = subprocess.run(
        [bin_dir / "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--quiet"],
        input=script,
        env=client_environment(target),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
