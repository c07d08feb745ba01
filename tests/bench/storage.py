"""The files of a Supabase project: listed from SQL, copied, and copied again unchanged.

What bounds a copy is a bare loop over the same files, between the same two stores, with as many
threads and the same clients, that hashes, records and reads back nothing. Turn by turn the two are
compared on S3 (SeaweedFS); many files go once into a directory, which is what `holdfast up` has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from chalicelib.engine.readings import batches
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from tests.bench import storage_listing
from tests.bench.harness import Row, interleaved, ratio
from tests.bench.storage_once import Asked, Figures
from tests.support.many_files import fill, plain_names
from tests.support.seaweedfs import running
from tests.support.supabase_backups import Desk, desk_of

FILES: Final = 10_000
FEW: Final = 1000
SIZE_BYTES: Final = 4096
COPY_LIMIT: Final = 1.5
"""A whole dump over the bare loop: with many files, pg_dump's own second or two is little."""
WITH_DUMP: Final = "no limit: of so few files, pg_dump is a good part of it"
MEMORY_LIMIT: Final = 1.15
UNCHANGED: Final = "unchanged, by links in the directory"


def rows(repetitions: int) -> list[Row]:
    """Measure the listing, then the copying: few files in turns, then many once."""
    with running() as server, tempfile.TemporaryDirectory() as folder:
        bench = StorageBench(Path(folder))
        return [
            *storage_listing.rows(),
            *bench.compared(server.endpoint, repetitions),
            *bench.at_size(),
        ]


@dataclass(frozen=True)
class Source:
    """Hold a project with files, and the service that backs it up."""

    project: SupabaseStandIn
    desk: Desk
    listing: Path


@dataclass
class StorageBench:
    """Copy from stand-ins into stores, each run in a program of its own."""

    folder: Path
    runs: int = 0

    def compared(self, endpoint: str, repetitions: int) -> list[Row]:
        """Compare the service's copy into S3 with the bare loop, in turn, on the same files."""
        with self.source(FEW) as source:
            ours, bound = interleaved(
                [
                    # a project of its own each time: no earlier backup, so every file is fetched
                    lambda: self._run("service", source, source.desk.changed(), endpoint)["dump"],
                    lambda: self._run("bare", source, source.desk, endpoint)["copy"],
                ],
                repetitions,
            )
        each_s = FEW / median(ours)
        return [
            Row(f"bare loop over {FEW} files into S3", median(bound), "s"),
            Row("our dump with its copy of them", median(ours), "s", note=f"{each_s:.0f} files/s"),
            Row("our dump / bare loop, S3", ratio(ours, bound), "x", note=WITH_DUMP),
        ]

    def at_size(self) -> list[Row]:
        """Back up many files under one prefix, then unchanged, and compare memory with few."""
        with self.source(FEW) as source:
            few = self._run("service", source, source.desk)
        with self.source(FILES) as source:
            bound = self._run("bare", source, source.desk)
            first = self._run("service", source, source.desk)
            before = source.project.storage.sent_bytes
            again = self._run("service", source, source.desk)
            sent = source.project.storage.sent_bytes - before
        if again["reused"] != FILES:
            raise RuntimeError(f"{again['reused']} of {FILES} unchanged files were reused")
        growth = first["rss_mb"] / few["rss_mb"]
        return [
            Row(f"bare loop over {FILES} files", bound["copy"], "s"),
            Row(f"backup of {FILES} files", _whole(first), "s", note=_steps(first)),
            Row("our dump / bare loop", first["dump"] / bound["copy"], "x", COPY_LIMIT),
            Row("the backup again", _whole(again), "s", note=UNCHANGED),
            Row("unchanged / first", _whole(again) / _whole(first), "x", 1.0),
            Row("read from the source when unchanged", sent, "bytes", 0),
            Row(f"peak memory, {FEW} files", few["rss_mb"], "MB"),
            Row(f"peak memory, {FILES} files", first["rss_mb"], "MB"),
            Row("memory for ten times the files", growth, "x", MEMORY_LIMIT),
        ]

    @contextmanager
    def source(self, files: int) -> Iterator[Source]:
        """Run a project that holds so many files, and nothing else of anybody's."""
        with SupabaseStandIn(find_servers()[0]) as project:
            fill(project, plain_names(files), SIZE_BYTES)
            listing = self.folder / f"{files}.jsonl"
            with closing(project.owner_session()) as session, session.transaction():
                lines = batches(project.connection, session, storage_listing.READING)
                listing.write_bytes(b"".join(lines))
            yield Source(project, desk_of(self.folder / f"service-{files}", project), listing)

    def _run(self, way: str, source: Source, desk: Desk, endpoint: str | None = None) -> Figures:
        self.runs += 1
        asked = Asked(
            data=str(desk.services.settings.data),
            project_id=desk.project.id,
            endpoint=endpoint,
            prefix=f"bare/{self.runs}",
            storage_url=source.project.settings.storage_url,
            service_key=source.project.service_key,
            listing=str(source.listing),
        )
        command = [sys.executable, "-m", "tests.bench.storage_once", way]
        given = json.dumps(asdict(asked))
        run = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(run.stdout)
        return found


def _whole(figures: Figures) -> float:
    return sum(figures[step] for step in ("prepare", "dump", "verify", "seal", "complete"))


def _steps(figures: Figures) -> str:
    rate = figures["files"] / figures["dump"]
    return f"{rate:.0f} files/s dumped, {figures['verify']:.1f} s to read them back"
