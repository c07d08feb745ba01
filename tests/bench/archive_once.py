"""Do one thing with one archive, as a worker does; print figures as JSON.

    python -m tests.bench.archive_once verify|feed|contents|rows|restore < REQUEST

The request is JSON: `folder` of a directory store, `artefact` in it, `client_dir`, and what some
ways need besides. A program of its own, so that the memory it prints is that of this work alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import Artefact, Compression, Format
from chalicelib.domain.connection import parse_url
from chalicelib.domain.contents import RowsWanted
from chalicelib.domain.restore import RestoreOptions
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.places import places_of
from chalicelib.engine.archive.ranges import FileRanges, Windows
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.engine.clients import Clients, probe
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.engine.process import Child, Start
from chalicelib.engine.pump import await_exit, feed, widen
from chalicelib.engine.restore.hold import RestorerSettings
from chalicelib.engine.restore.restorer import PostgresRestorer
from chalicelib.engine.verify import reader_arguments
from chalicelib.postgres_ports import RestoreFile, RestoreRequest, RestoreSource
from chalicelib.services.verify_archive import ArchiveVerifier
from tests.bench.dump_once import NoWatch

Figures = dict[str, float]


@dataclass(frozen=True)
class Work:
    """Hold what all ways work on."""

    asked: dict[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.asked["folder"])

    @property
    def client_dir(self) -> Path:
        return Path(self.asked["client_dir"])

    @property
    def artefact(self) -> Artefact:
        return Artefact.model_validate(self.asked["artefact"])

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.folder, b"k" * 32, "http://127.0.0.1:1")

    @property
    def path(self) -> Path:
        return self.folder / "objects" / self.artefact.key

    @property
    def compression(self) -> Compression:
        return Compression(self.asked["compression"])

    @property
    def engine(self) -> PostgresEngine:
        settings = EngineSettings((self.client_dir,), "warn", 10, self.folder / "scratch")
        return PostgresEngine(settings, SystemClock(), Clients([self.client_dir]))


@dataclass
class CountedRanges:
    """Read a file by ranges, and remember which bytes were read."""

    ranges: FileRanges
    read_parts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return self.ranges.size_bytes

    def read(self, start: int, end: int) -> Iterator[bytes]:
        for chunk in self.ranges.read(start, end):
            self.read_parts.append((start, start + len(chunk)))
            start += len(chunk)
            yield chunk

    def outside(self, start: int, end: int) -> int:
        """Count the bytes that were read before `start` and from `end` on."""
        return sum(max(min(b, start) - a, 0) + max(b - max(a, end), 0) for a, b in self.read_parts)


def verify(work: Work) -> Figures:
    """Read back from the store: size, SHA-256, pg_restore, digests of every block."""
    layout = (Format.CUSTOM, work.compression)
    report = ArchiveVerifier(work.store, work.engine).verify(work.artefact, layout, NoWatch())
    return {"blocks": len(report.blocks)}


def feed_only(work: Work) -> Figures:
    """Do the same without our own reader: the price of its digests is the difference."""
    argv = reader_arguments(probe(work.client_dir))
    sha256 = hashlib.sha256()
    with Child(Start(argv, {}, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)) as child:
        widen(child.stdin)
        os.set_blocking(child.stdin.fileno(), False)
        for chunk in work.store.read(work.artefact.key):
            sha256.update(chunk)
            feed(child.stdin, chunk, lambda: None)
        child.stdin.close()
        code = await_exit(child, lambda: None)
    if code or sha256.hexdigest() != work.artefact.checksum.value:
        raise RuntimeError("the archive of the bench is not whole")
    return {}


def contents(work: Work) -> Figures:
    """List what is inside, and count the bytes read through the port."""
    source = CountedRanges(FileRanges(work.path))
    found = work.engine.contents(source, (), NoWatch())
    return {"read_bytes": source.outside(0, 0), "entries": found.entries}


def rows(work: Work) -> Figures:
    """Show rows of one table; count bytes outside the head of the archive and its block."""
    source = CountedRanges(FileRanges(work.path))
    windows = Windows(FileRanges(work.path), lambda: None)
    toc = read_toc(ByteStream(windows.between(0, windows.size_bytes)))
    head_bytes = windows.read_bytes
    entry = next(one for one in toc.with_data if one.tag == work.asked["table"])
    place = places_of(toc, windows.size_bytes, ())[entry.dump_id]
    wanted = RowsWanted(f"public.{entry.tag}", 1000)
    shown = work.engine.rows(source, (), wanted, NoWatch())
    in_vain = [part for part in source.read_parts if part[0] >= head_bytes]
    source.read_parts = in_vain
    return {"rows": len(shown.rows), "outside_bytes": source.outside(place.offset, place.end)}


def restore(work: Work) -> Figures:
    """Restore into an empty database in several sessions, preflight and comparison included."""
    settings = RestorerSettings(Clients([work.client_dir]), "warn", 10, work.folder / "scratch")
    key = work.artefact.key
    source = RestoreSource(
        main=RestoreFile(lambda: work.store.read(key), work.path),
        schema=None,
        type=None,
        format=Format.CUSTOM,
        compression=work.compression,
        server_version=None,
        restore_needs=None,
        counts=None,
        is_ours=True,
    )
    options = RestoreOptions(jobs=work.asked["jobs"])
    request = RestoreRequest(source, parse_url(work.asked["target"]), options, "bench")
    report = PostgresRestorer(settings, SystemClock()).restore(
        request, lambda state: None, NoWatch()
    )
    return {"errors": report.errors_total}


WAYS: dict[str, Callable[[Work], Figures]] = {
    "verify": verify,
    "feed": feed_only,
    "contents": contents,
    "rows": rows,
    "restore": restore,
}


def main() -> None:
    """Do it once, and say how long it took, with which processor time and which memory."""
    work = Work(json.load(sys.stdin))
    before = _cpu_s()
    began = time.perf_counter()
    found = WAYS[sys.argv[1]](work)
    found["seconds"] = time.perf_counter() - began
    found["cpu_s"] = _cpu_s() - before
    found["rss_mb"] = _peak_mb()
    print(json.dumps(found))


def _peak_mb() -> float:
    # getrusage would count what the parent had at the fork
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main()
