"""Dump once with the engine into a directory store, as a worker does; print figures as JSON.

python -m tests.bench.dump_once FOLDER COMPRESSION CLIENT_DIR < URL
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import BackupOptions, Compression
from chalicelib.domain.connection import parse_url
from chalicelib.domain.progress import Progress
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.postgres_ports import DumpRequest, Sink
from chalicelib.services.artefact_upload import ArtefactUpload


class NoWatch:
    """Let everything go on."""

    def check(self, progress: Progress | None = None) -> None:
        """Do nothing."""


def main(folder: Path, compression: Compression, client_dir: Path, url: str) -> None:
    """Time plan and dump up to the completed object; memory is this process's peak."""
    store = DirectoryStore(folder, b"k" * 32, "http://127.0.0.1:1")
    settings = EngineSettings(
        client_dirs=(client_dir,),
        floor_policy="warn",
        lock_timeout_s=10,
        scratch_dir=folder / "scratch",
    )
    engine = PostgresEngine(settings, SystemClock())
    connection = parse_url(url)
    plan = engine.plan(connection, BackupOptions(compression=compression))
    uploads: list[ArtefactUpload] = []

    def open_sink(name: str) -> Sink:
        uploads.append(ArtefactUpload(store, f"bench/{name}", name))
        return uploads[-1]

    began = time.perf_counter()
    engine.dump(DumpRequest(connection, plan, "bench"), open_sink, NoWatch())
    artefact = uploads[0].finish()
    seconds = time.perf_counter() - began
    store.delete("bench/database.dump")
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps({"seconds": seconds, "bytes": artefact.stored_bytes, "rss_mb": peak_kib / 1024})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Compression(sys.argv[2]), Path(sys.argv[3]), sys.stdin.read().strip())
