"""A service with many backups behind it: records and rollups, as years of runs would leave them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ulid import ULID

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import (
    Artefact,
    Backup,
    Checksum,
    Compression,
    Format,
    Status,
    Step,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Write
from chalicelib.domain.rollup import SHARDS, DayTally, Tally

CHUNK: Final = 2000
BETWEEN: Final = timedelta(minutes=144)
"""Ten backups a day for each project."""


def fill(services: Services, *, projects: int, backups_each: int) -> list[Project]:
    """Store projects, each with this many backups, every ninth of them failed."""
    now = services.ledger.clock.now()
    made = [_project(number, now) for number in range(projects)]
    writes: list[Write] = [Insert(project) for project in made]
    for project in made:
        writes += [Insert(one) for one in _backups(project, backups_each, now)]
        writes += [Insert(one) for one in _tallies(project, now)]
    for start in range(0, len(writes), CHUNK):
        services.ledger.catalog.commit(writes[start : start + CHUNK])
    return made


def _project(number: int, now: datetime) -> Project:
    return Project(
        id=str(ULID.from_datetime(now)),
        name=f"project {number:03}",
        endpoint=Endpoint(host="db.example.org", database=f"db{number}"),
        created_at=now,
        updated_at=now,
    )


def _backups(project: Project, count: int, now: datetime) -> Iterator[Backup]:
    for number in range(count):
        at = now - BETWEEN * (count - number)
        if (count - number) % 9 == 2:
            yield _backup(project, number, at, status=Status.FAILED, error=_ERROR)
        else:
            yield _backup(project, number, at, **_whole(at))


def _backup(project: Project, number: int, at: datetime, **fields: object) -> Backup:
    given: dict[str, object] = {
        "id": str(ULID.from_datetime(at)),
        "project_id": project.id,
        "name": f"{project.name} full {at:%Y-%m-%d %H:%M}",
        "requested_by": "schedule",
        "created_at": at,
        "started_at": at,
        "completed_at": at + timedelta(seconds=90),
        "attempt": 1,
        "duration_s": 60.0 + number % 60,
        "tags": {"env": "prod"},
        "server_version": "18.6",
        "client_version": "18.6",
    }
    return Backup.model_validate(given | fields)


def _whole(at: datetime) -> dict[str, object]:
    names = ("database.dump", "proof.json", "proof.txt")
    artefacts = tuple(
        Artefact(name=name, key=name, stored_bytes=40_000_000, checksum=Checksum(value="0" * 64))
        for name in names
    )
    return {
        "status": Status.COMPLETED,
        "step": Step.COMPLETE,
        "format": Format.CUSTOM,
        "compression": Compression.ZSTD,
        "artefacts": artefacts,
        "raw_bytes": 400_000_000,
        "stored_bytes": 40_000_000,
        "rows": 1_000_000,
        "validated": True,
        "verification": Verification(
            level=VerificationLevel.PROOF, at=at, by="PostgreSQL 18.6", report="all is equal"
        ),
    }


def _tallies(project: Project, now: datetime) -> Iterator[DayTally]:
    # ten runs a day leave nothing in none of a day's parts
    for ago in range(100):
        day = f"{now - timedelta(days=ago):%Y-%m-%d}"
        for shard in range(SHARDS):
            yield DayTally(
                id=f"{day}-{project.id}-{shard}", project_id=project.id, day=day, tally=_TALLY
            )


_ERROR: Final = ErrorInfo(code="lock_timeout", message="another session holds a lock", hint="Wait.")
_TALLY: Final = Tally(
    backups_completed=2,
    backups_failed=1,
    backup_duration_s=120.0,
    backup_raw_bytes=800_000_000,
    backup_stored_bytes=80_000_000,
    proofs_passed=2,
)
