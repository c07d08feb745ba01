"""Archives after the dump: verified, looked into and restored, against pg_restore on the same file.

Two archives of the same rows: gzip level 1, as backups are by default, and uncompressed, which is
the longest and has a piece for each row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # it has no types
import psycopg

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.domain.backup import Artefact
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.services.artefact_upload import ArtefactUpload
from tests.bench.harness import Row, interleaved, ratio
from tests.bench.stream import TABLES, load
from tests.support.dumping import client_environment
from tests.support.waiting import await_that

SPEED_LIMIT: Final = 1 / 0.9
"""Verification has at least 0.9 of the throughput of pg_restore -f /dev/null."""
DIGESTS_LIMIT: Final = 1.05
RESTORE_LIMIT: Final = 1 / 0.95
COUNTS_LIMIT: Final = 1.15
HEAD_LIMIT_MB: Final = 16
RSS_LIMIT_MB: Final = 150
JOBS: Final = 2
SMALL_TABLES: Final = 500
"""Tables without rows: they make the head of an archive long."""
SETTINGS: Final = LocalSettings(durable=False, options=(("autovacuum", "off"),))
"""What the server does by itself must not count for a dump; tables are analysed by the load."""
UNREACHED: Final = "no limit: two hashes and a step of Python per row beside a reader that copies"


def rows(gigabytes: float, repetitions: int) -> list[Row]:
    """Load the data once, dump them twice, then run everything on these."""
    newest = max(find_servers(), key=lambda programs: programs.version)
    with (
        LocalPostgres(newest, SETTINGS) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        load(server, gigabytes)
        add_small_tables(server)
        bench = ArchiveBench(server, Path(folder))
        with bench.archive("gzip:1") as packed:
            found = [
                *bench.verification(packed, repetitions),
                *bench.restoring(packed, repetitions),
            ]
        with bench.archive("none") as plain:
            found += [*bench.verification(plain, repetitions), *bench.looking(plain)]
        return [*found, *bench.counting(repetitions)]


def add_small_tables(server: LocalPostgres) -> None:
    """Make many empty tables."""
    with closing(psycopg.connect(server.url(), autocommit=True)) as session:
        session.execute(
            f"DO $$ BEGIN FOR n IN 1..{SMALL_TABLES} LOOP EXECUTE"
            " format('CREATE TABLE small_%s (id int PRIMARY KEY, note text)', n);"
            " END LOOP; END $$".encode()
        )


@dataclass(frozen=True)
class Stored:
    """Name an archive in the store."""

    codec: str
    artefact: Artefact
    path: Path

    @property
    def about(self) -> str:
        """Say what it is."""
        return f"{self.codec}, {self.artefact.stored_bytes / 1e6:.0f} MB"


@dataclass
class ArchiveBench:
    """Run one way of reading after another; the figures of a way's last run are kept."""

    server: LocalPostgres
    folder: Path
    last: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def archive(self, codec: str) -> Iterator[Stored]:
        """Dump into a file, so that offsets are known, and bring that into a store."""
        file = self.folder / "made.dump"
        dump = ["pg_dump", "--format=custom", f"--compress={codec}", f"--file={file}"]
        self._run(dump, "postgres")
        store = DirectoryStore(self.folder, b"k" * 32, "http://127.0.0.1:1")
        upload = ArtefactUpload(store, "bench/database.dump", "database.dump")
        with file.open("rb") as chunks:
            while chunk := chunks.read(1 << 20):
                upload.write(chunk)
        file.unlink()
        artefact = upload.finish()
        yield Stored(codec, artefact, self.folder / "objects" / artefact.key)
        store.delete(artefact.key)

    def verification(self, stored: Stored, repetitions: int) -> list[Row]:
        """Compare with pg_restore alone, and with ourselves without digests."""
        ours, bare, theirs = interleaved(
            [
                lambda: self._ours("verify", stored),
                lambda: self._ours("feed", stored),
                lambda: self._timed(self._reading(stored)),
            ],
            repetitions,
        )
        is_packed = stored.codec != "none"
        speed, digests = (SPEED_LIMIT, DIGESTS_LIMIT) if is_packed else (None, None)
        note = "" if is_packed else UNREACHED
        cpu_s = {way: self.last[way]["cpu_s"] for way in ("verify", "feed")}
        return [
            Row(f"pg_restore -f /dev/null, {stored.codec}", median(theirs), "s"),
            Row(f"archive verification, {stored.codec}", median(ours), "s", note=stored.about),
            Row(
                f"verification / pg_restore, {stored.codec}", ratio(ours, theirs), "x", speed, note
            ),
            Row(f"with digests / without, {stored.codec}", ratio(ours, bare), "x", digests),
            Row(
                f"the same in processor time, {stored.codec}",
                cpu_s["verify"] / cpu_s["feed"],
                "x",
                note="a second reader and a second hash are their price",
            ),
            self._memory("verify", f"archive verification, {stored.codec}"),
        ]

    def looking(self, stored: Stored) -> list[Row]:
        """Count what a look reads; the table is one in the middle of the archive."""
        self._ours("contents", stored)
        self._ours("rows", stored, table=TABLES[2])
        contents, shown = self.last["contents"], self.last["rows"]
        return [
            Row(
                "read by contents",
                contents["read_bytes"] / 1e6,
                "MB",
                HEAD_LIMIT_MB,
                f"{contents['entries']:.0f} entries; {stored.about}",
            ),
            Row("contents", contents["seconds"], "s"),
            Row(
                "read by rows outside head and block",
                shown["outside_bytes"],
                "bytes",
                0,
                f"{shown['rows']:.0f} rows shown",
            ),
            Row("rows of one table", shown["seconds"], "s"),
            self._memory("contents", "contents"),
            self._memory("rows", "rows"),
        ]

    def restoring(self, stored: Stored, repetitions: int) -> list[Row]:
        """Restore into fresh databases; ours includes preflight and comparison."""
        ours, theirs = interleaved(
            [lambda: self._our_restore(stored), lambda: self._their_restore(stored)], repetitions
        )
        return [
            Row(f"pg_restore -j{JOBS}", median(theirs), "s"),
            Row(f"restore, {JOBS} jobs", median(ours), "s", note=stored.about),
            Row(f"restore / pg_restore -j{JOBS}", ratio(ours, theirs), "x", RESTORE_LIMIT),
            self._memory("restore", "restore"),
        ]

    def counting(self, repetitions: int) -> list[Row]:
        """Compare the server's processor time of a dump with counts and of one without."""
        ours, theirs = interleaved([self._counted_dump, self._plain_dump], repetitions)
        return [
            Row("server time of pg_dump", median(theirs), "CPU s"),
            Row("server time of our dump with its counts", median(ours), "CPU s"),
            Row("server time with counts / without", ratio(ours, theirs), "x", COUNTS_LIMIT),
        ]

    def _memory(self, way: str, name: str) -> Row:
        return Row(f"peak memory: {name}", self.last[way]["rss_mb"], "MB", RSS_LIMIT_MB)

    def _reading(self, stored: Stored) -> list[str]:
        return ["pg_restore", f"--file={os.devnull}", str(stored.path)]

    def _our_restore(self, stored: Stored) -> float:
        with self._database() as name:
            seconds = self._ours("restore", stored, target=self.server.url(name), jobs=JOBS)
        if self.last["restore"]["errors"]:
            raise RuntimeError("the restore of the bench met errors")
        return seconds

    def _their_restore(self, stored: Stored) -> float:
        with self._database() as name:
            options = [f"--jobs={JOBS}", "--exit-on-error", f"--dbname={name}"]
            return self._timed(["pg_restore", *options, str(stored.path)], name)

    def _counted_dump(self) -> float:
        command = ["dump_once", str(self.folder), "gzip", str(self.server.bin_dir)]
        with self._server_time() as spent:
            self._program(command, self.server.url())
        return spent[0]

    def _plain_dump(self) -> float:
        dump = ["pg_dump", "--format=custom", "--compress=gzip:1", "--no-sync"]
        dump.append(f"--file={os.devnull}")
        with self._server_time() as spent:
            self._run(dump, "postgres")
        return spent[0]

    @contextmanager
    def _server_time(self) -> Iterator[list[float]]:
        # A session counts for the postmaster once that has reaped it, so wait for this to happen.
        spent: list[float] = []
        others = {child.pid for child in self._postmaster.children()}
        before = self._spent_s()
        yield spent
        await_that(lambda: {child.pid for child in self._postmaster.children()} <= others)
        spent.append(self._spent_s() - before)

    @property
    def _postmaster(self) -> psutil.Process:
        return psutil.Process(self.server.pid)

    def _spent_s(self) -> float:
        own = self._postmaster.cpu_times()
        living = [child.cpu_times() for child in self._postmaster.children()]
        ended = own.children_user + own.children_system
        return float(sum(one.user + one.system for one in (own, *living)) + ended)

    @contextmanager
    def _database(self) -> Iterator[str]:
        with closing(psycopg.connect(self.server.url(), autocommit=True)) as session:
            session.execute("CREATE DATABASE bench_target TEMPLATE template0")
            yield "bench_target"
            session.execute("DROP DATABASE bench_target WITH (FORCE)")

    def _ours(self, way: str, stored: Stored, **more: object) -> float:
        asked = {
            "folder": str(self.folder),
            "artefact": stored.artefact.model_dump(mode="json"),
            "client_dir": str(self.server.bin_dir),
            "compression": stored.codec.partition(":")[0],
            **more,
        }
        self.last[way] = self._program(["archive_once", way], json.dumps(asked))
        return self.last[way]["seconds"]

    def _program(self, words: list[str], given: str) -> dict[str, Any]:
        name, *arguments = words
        command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
        run = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    def _timed(self, words: list[str], database: str = "postgres") -> float:
        began = time.perf_counter()
        self._run(words, database)
        return time.perf_counter() - began

    def _run(self, words: list[str], database: str) -> None:
        program, *arguments = words
        environment = client_environment(self.server.connection(database))
        subprocess.run(
            [str(self.server.bin_dir / program), *arguments], env=environment, check=True
        )
