"""Retention over a long history in the embedded catalog: how long, and in how much memory."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ulid import ULID

from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Artefact, Backup, Checksum, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.services.projects import NewProject
from chalicelib.services.retention.preview import Asked, Preview
from chalicelib.settings import Settings
from tests.bench.harness import Row

HISTORY = 100_000
LIMIT_S = 5.0
LIMIT_MB = 16.0
"""What two passes over any history may hold at once: a page of records, and a little."""
POLICY = RetentionPolicy(keep_last=50, keep_days=30, daily=90, monthly=60, yearly=20)


def rows(history: int = HISTORY) -> list[Row]:
    """Measure a whole decision, both passes, without the removals."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        services = Services(settings, embedded_adapters(settings))
        project = _filled(services, history)
        seconds = _timed(lambda: _decided(services, project))
        tracemalloc.start()
        shown = _decided(services, project)
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    note = f"{shown.removed} would go"
    return [
        Row(f"retention over {history} backups", seconds, "s", LIMIT_S, note),
        Row(f"its memory over {history} backups", peak_mb, "MB", LIMIT_MB),
    ]


def _decided(services: Services, project: Project) -> Preview:
    return services.retention.preview(Asked(project), limit=1, before_id=None)


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _filled(services: Services, count: int) -> Project:
    connection = Connection(Endpoint(host="localhost"), "none")
    new = NewProject("bench", connection, {}, retention=POLICY)
    project = services.projects.create("bench", new)
    last = datetime.now(UTC)
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        made = [_backup(project, last - timedelta(hours=count - n)) for n in numbers]
        services.adapters.catalog.commit([Insert(backup) for backup in made])
    return project


def _backup(project: Project, at: datetime) -> Backup:
    backup_id = str(ULID.from_datetime(at))
    checksum = Checksum(value="0" * 64)
    key = f"projects/{project.id}/backups/{backup_id}/1/database.dump"
    return Backup(
        id=backup_id,
        project_id=project.id,
        name=f"nightly {at:%Y-%m-%d %H:%M}",
        requested_by="bench",
        created_at=at,
        started_at=at,
        completed_at=at,
        status=Status.COMPLETED,
        validated=True,
        stored_bytes=10_000,
        rows=1000,
        checksum=checksum,
        artefacts=(Artefact(name="database.dump", key=key, stored_bytes=1, checksum=checksum),),
    )
