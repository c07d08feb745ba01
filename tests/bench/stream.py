"""The stream engine against pg_dump's own ways, and against the bound of all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import IO, Any, Final

import psycopg

from chalicelib.engine.clients import probe
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from tests.bench.harness import Row, interleaved, ratio
from tests.bench.limit import parallel_copy

RSS_LIMIT_MB = 150
ROW_BYTES = 420
"""About what one row of the table takes as COPY text."""
TABLES: Final = tuple(f"orders_{number}" for number in range(4))
SESSIONS: Final = 2

OURS: Final = "engine stream, hashed and stored"
NOWHERE: Final = "pg_dump -Fc gzip:1 to /dev/null"
FILE: Final = "pg_dump -Fc gzip:1 to a file"
PIPE: Final = "pg_dump -Fc gzip:1 through `cat` to /dev/null"
JOBS: Final = f"pg_dump -Fd -j{SESSIONS} gzip:1 to a folder"
ZSTD: Final = "pg_dump -Fc zstd:1 to /dev/null"
LIMIT: Final = f"bare COPY to nowhere, {SESSIONS} sessions, one snapshot"

LIMITS: Final = {NOWHERE: 1.05, FILE: 1.05}
"""How many times as long as these the engine may take."""


def rows(gigabytes: float, repetitions: int) -> list[Row]:
    """Load the data once, then run everything on it."""
    newest = max(find_servers(), key=lambda programs: programs.version)
    with (
        LocalPostgres(newest, LocalSettings(durable=False)) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        load(server, gigabytes)
        bench = _Bench(server, Path(folder))
        return [*bench.overhead(repetitions), bench.memory()]


def load(server: LocalPostgres, gigabytes: float) -> None:
    """Fill four tables of orders: numbers, times, text with repetition, JSON, some noise."""
    each = int(gigabytes * 1e9 / ROW_BYTES / len(TABLES))
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for table in TABLES:
            connection.execute(
                f"""CREATE TABLE {table} AS
                SELECT n AS id, now() - n * interval '1 second' AS at, n % 1000 AS customer,
                       repeat('line ' || n % 97 || ' of the order ', 8) AS note,
                       jsonb_build_object('sku', md5(n::text), 'qty', n % 7) AS body,
                       sha256(n::text::bytea) AS token
                FROM generate_series(1, {each}) AS n""".encode()
            )
        connection.execute("VACUUM ANALYZE")


def comparison(figures: Mapping[str, Sequence[float]], note: str) -> list[Row]:
    """Return the rows of each way's median, then our ratio to each of the others."""
    others = {name: times for name, times in figures.items() if name != OURS}
    return [
        *(Row(name, median(times), "s") for name, times in others.items()),
        Row(OURS, median(figures[OURS]), "s", note=note),
        *(
            Row(f"engine / {name}", ratio(figures[OURS], times), "x", LIMITS.get(name))
            for name, times in others.items()
        ),
    ]


class _Bench:
    """Run the commands of a comparison on one server."""

    def __init__(self, server: LocalPostgres, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._last: dict[str, Any] = {}
        self._has_zstd = probe(server.bin_dir).has_zstd

    def overhead(self, repetitions: int) -> list[Row]:
        """Compare whole runs; the codec is gzip level 1, which every client has."""
        ways = self._ways()
        times = interleaved(list(ways.values()), repetitions)
        found = comparison(
            dict(zip(ways, times, strict=True)), f"{self._last['bytes'] / 1e6:.0f} MB stored"
        )
        if not self._has_zstd:
            found.append(Row(ZSTD, None, "s", note="this pg_dump was built without zstd"))
        return found

    def memory(self) -> Row:
        """Dump without compression: the longest stream these data give."""
        self._ours("none")
        note = f"stream of {self._last['bytes'] / 1e9:.2f} GB"
        return Row("worker's peak memory", self._last["rss_mb"], "MB", RSS_LIMIT_MB, note)

    def _ways(self) -> dict[str, Callable[[], float]]:
        """Name the ways to dump, in the order in which they take turns."""
        nowhere = Path(os.devnull)
        ways: dict[str, Callable[[], float]] = {
            OURS: lambda: self._ours("gzip"),
            NOWHERE: lambda: self._pg_dump("gzip:1", nowhere),
            FILE: lambda: self._pg_dump("gzip:1", self._folder / "plain.dump"),
            PIPE: lambda: self._pg_dump("gzip:1", nowhere, through=["cat"]),
            JOBS: self._pg_dump_jobs,
            LIMIT: lambda: parallel_copy(self._server, TABLES, SESSIONS),
        }
        if self._has_zstd:
            ways[ZSTD] = lambda: self._pg_dump("zstd:1", nowhere)
        return ways

    def _ours(self, compression: str) -> float:
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.bench.dump_once",
                str(self._folder),
                compression,
                str(self._server.bin_dir),
            ],
            input=self._server.url(),
            capture_output=True,
            text=True,
            check=True,
        )
        self._last = json.loads(run.stdout)
        return float(self._last["seconds"])

    def _pg_dump(self, codec: str, target: Path, through: Sequence[str] = ()) -> float:
        dump = [str(self._server.bin_dir / "pg_dump"), "--format=custom", f"--compress={codec}"]
        began = time.perf_counter()
        with target.open("wb") as file, ExitStack() as readers:
            out: IO[bytes] = file
            if through:
                reader = subprocess.Popen(through, stdin=subprocess.PIPE, stdout=file)
                readers.enter_context(reader)
                assert reader.stdin is not None
                out = readers.enter_context(reader.stdin)
            subprocess.run(dump, stdout=out, env=self._environment(), check=True)
        return time.perf_counter() - began

    def _pg_dump_jobs(self) -> float:
        folder = self._folder / "jobs"
        options = ["--format=directory", f"--jobs={SESSIONS}", "--compress=gzip:1"]
        dump = [str(self._server.bin_dir / "pg_dump"), *options, f"--file={folder}"]
        began = time.perf_counter()
        subprocess.run(dump, env=self._environment(), check=True)
        seconds = time.perf_counter() - began
        shutil.rmtree(folder)
        return seconds

    def _environment(self) -> dict[str, str]:
        connection = self._server.connection("postgres")
        endpoint = connection.endpoint
        return {
            "PATH": os.defpath,
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGUSER": endpoint.user,
            "PGDATABASE": endpoint.database,
            "PGPASSWORD": connection.password,
        }
