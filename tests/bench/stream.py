"""The stream engine against the same pg_dump, to nowhere and to a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import IO, Any

import psycopg

from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.local.server_programs import find_servers
from tests.bench.harness import Row, interleaved, ratio

OVERHEAD_LIMIT = 1.05
RSS_LIMIT_MB = 150
ROW_BYTES = 420
"""About what one row of the table takes as COPY text."""


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
    each = int(gigabytes * 1e9 / ROW_BYTES / 4)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for number in range(4):
            connection.execute(
                f"""CREATE TABLE orders_{number} AS
                SELECT n AS id, now() - n * interval '1 second' AS at, n % 1000 AS customer,
                       repeat('line ' || n % 97 || ' of the order ', 8) AS note,
                       jsonb_build_object('sku', md5(n::text), 'qty', n % 7) AS body,
                       sha256(n::text::bytea) AS token
                FROM generate_series(1, {each}) AS n"""
            )
        connection.execute("VACUUM ANALYZE")


class _Bench:
    """Run the commands of a comparison on one server."""

    def __init__(self, server: LocalPostgres, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._last: dict[str, Any] = {}

    def overhead(self, repetitions: int) -> list[Row]:
        """Compare whole runs; the codec is gzip level 1, which every client has."""
        target = self._folder / "plain.dump"
        actions: list[Callable[[], float]] = [
            lambda: self._ours("gzip"),
            lambda: self._pg_dump(Path(os.devnull)),
            lambda: self._pg_dump(target),
            lambda: self._pg_dump(Path(os.devnull), through=["cat"]),
        ]
        ours, nowhere, to_file, through_pipe = interleaved(actions, repetitions)
        size = f"{self._last['bytes'] / 1e6:.0f} MB stored"
        return [
            Row("pg_dump -Fc --compress=gzip:1 to /dev/null", median(nowhere), "s"),
            Row("the same to a file", median(to_file), "s"),
            Row("the same through `cat` to /dev/null", median(through_pipe), "s"),
            Row("engine stream, hashed and stored", median(ours), "s", note=size),
            Row("engine / pg_dump to /dev/null", ratio(ours, nowhere), "x", OVERHEAD_LIMIT),
            Row("engine / pg_dump to a file", ratio(ours, to_file), "x", OVERHEAD_LIMIT),
            Row("engine / pg_dump through `cat`", ratio(ours, through_pipe), "x"),
        ]

    def memory(self) -> Row:
        """Dump without compression: the longest stream these data give."""
        self._ours("none")
        note = f"stream of {self._last['bytes'] / 1e9:.2f} GB"
        return Row("worker's peak memory", self._last["rss_mb"], "MB", RSS_LIMIT_MB, note)

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

    def _pg_dump(self, target: Path, through: Sequence[str] = ()) -> float:
        endpoint = self._server.connection("postgres")
        environment = {
            "PATH": os.defpath,
            "PGHOST": endpoint.endpoint.host,
            "PGPORT": str(endpoint.endpoint.port),
            "PGUSER": endpoint.endpoint.user,
            "PGDATABASE": endpoint.endpoint.database,
            "PGPASSWORD": endpoint.password,
        }
        dump = [str(self._server.bin_dir / "pg_dump"), "--format=custom", "--compress=gzip:1"]
        began = time.perf_counter()
        with target.open("wb") as file, ExitStack() as readers:
            out: IO[bytes] = file
            if through:
                reader = subprocess.Popen(through, stdin=subprocess.PIPE, stdout=file)
                readers.enter_context(reader)
                assert reader.stdin is not None
                out = readers.enter_context(reader.stdin)
            subprocess.run(dump, stdout=out, env=environment, check=True)
        return time.perf_counter() - began
