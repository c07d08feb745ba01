"""Bring the files of a stand-in's Storage into a store, the service's way or bare; print figures.

    python -m tests.bench.storage_once service|bare < REQUEST

A program of its own, so that the memory it prints is that of this work alone, and so that it does
not share a processor's turn with the stand-in. The request is JSON, see `Asked`.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.adapters.aws.clients import Place
from chalicelib.adapters.aws.retrying_catalog import Patience
from chalicelib.adapters.aws.retrying_objects import OBJECT_POLICY, RetryingObjectStore
from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.adapters.aws.s3_settings import S3Settings, s3_client
from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import BackupOptions, Component, Status
from chalicelib.domain.storage_file import StorageObject, parse_object
from chalicelib.ports import ObjectStore
from chalicelib.services.backups import NewBackup
from chalicelib.services.run_backup import ORDER
from chalicelib.services.side_by_side import IN_FLIGHT
from chalicelib.settings import Settings
from chalicelib.supabase.storage_files import RestFiles
from tests.support.seaweedfs import BUCKET, KEYS, REGION

Figures = dict[str, float]


@dataclass(frozen=True)
class Asked:
    """Say what to copy and where to; without an `endpoint` into a directory.

    `data` is the service's folder, `project_id` what it backs up; `storage_url`, `service_key` and
    `listing` are the source as the bare loop reads it, `prefix` where it writes.
    """

    data: str
    project_id: str
    endpoint: str | None
    prefix: str
    storage_url: str
    service_key: str
    listing: str

    def services(self) -> Services:
        """Open the service."""
        return services_over(Path(self.data), self.endpoint)


def services_over(data: Path, endpoint: str | None) -> Services:
    """Open a service over a folder, with its objects in S3 if there is an endpoint."""
    settings = Settings(data=data)
    adapters = embedded_adapters(settings)
    if endpoint is not None:
        adapters = replace(adapters, store=s3_store(endpoint))
    return Services(settings, adapters)


def s3_store(endpoint: str) -> ObjectStore:
    """Open the bucket as a worker does."""
    clock = SystemClock()
    store = S3ObjectStore(s3_client(Place(REGION, endpoint, KEYS)), S3Settings(BUCKET), clock)
    return RetryingObjectStore(
        store, Patience(clock, threading.Event().wait, random.random, OBJECT_POLICY)
    )


def service(asked: Asked) -> Figures:
    """Back the project up step by step, as a worker does."""
    services = asked.services()
    options = BackupOptions(components=(Component.DATABASE, Component.STORAGE))
    backup = services.backups.request("bench", NewBackup(asked.project_id, options))
    runner = services.backup_runner("bench")
    took = {step.value: _timed(partial(runner.run_step, backup.id, step)) for step in ORDER}
    ended = services.backups.get(backup.id)
    if ended.status is not Status.COMPLETED or ended.files is None:
        raise RuntimeError(f"the backup of the bench ended as {ended.status}: {ended.error}")
    return {**took, "files": ended.files.files, "reused": ended.files.reused}


def bare(asked: Asked) -> Figures:
    """Copy every file by as many threads with the same clients, and record nothing."""
    store = asked.services().adapters.store
    rows = [parse_object(line) for line in Path(asked.listing).read_bytes().splitlines()]
    with closing(RestFiles(asked.storage_url, asked.service_key)) as source:

        def copy(numbered: tuple[int, StorageObject]) -> None:
            number, row = numbered
            content = b"".join(source.read(row))
            store.put(f"{asked.prefix}/{number}", content, content_type="x")

        return {"copy": _timed(lambda: _all(copy, enumerate(rows))), "files": len(rows)}


def main() -> None:
    """Run one way and print its figures as JSON."""
    asked = Asked(**json.load(sys.stdin))
    found = {"service": service, "bare": bare}[sys.argv[1]](asked)
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = {"rss_mb": used.ru_maxrss / 1024, "cpu_s": used.ru_utime + used.ru_stime}
    print(json.dumps(found | spent))


def _all(work: Callable[[Any], None], things: Iterator[Any]) -> None:
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        deque(pool.map(work, things), maxlen=0)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
