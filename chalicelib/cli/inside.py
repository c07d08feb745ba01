"""Look inside a dump file or a backup of the service, with the same answer from both."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.postgres import postgres_engine
from chalicelib.cli import sidecar
from chalicelib.cli.check_file import recognised
from chalicelib.cli.fields import job_result
from chalicelib.cli.invocation import Invocation
from chalicelib.cli.progress_view import SilentView, ViewWatch
from chalicelib.cli.service import open_service
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest
from chalicelib.engine.archive.ranges import FileRanges
from chalicelib.engine.restore.selection import parse_name
from chalicelib.postgres_ports import Engine
from chalicelib.services.look_inside import require_custom

_BACKUP_ID: Final = re.compile(r"[0-9A-Za-z]{26}")


@dataclass(frozen=True)
class Place:
    """Say where to look: a file or the id of a backup, with the folder and key that go with it."""

    target: str
    data: Path | None
    key: Path | None = None

    @property
    def backup_id(self) -> str | None:
        """The id, when it is one and no file has that name; InvalidRequest when it is neither."""
        if Path(self.target).exists():
            return None
        if not _BACKUP_ID.fullmatch(self.target):
            raise InvalidRequest(
                f"{self.target} is neither a file nor the id of a backup",
                hint="Name a dump file, or an id that `holdfast backups list` shows.",
                field="target",
            )
        return self.target


def contents(invocation: Invocation, place: Place) -> ArchiveContents:
    """List what is inside."""
    if (backup_id := place.backup_id) is not None:
        return ArchiveContents.model_validate(
            _asked(invocation, place, f"/v1/backups/{backup_id}/contents", {})
        )
    source, blocks = _opened(invocation, place)
    with _engine(invocation, place) as (engine, watch):
        return engine.contents(source, blocks, watch)


def rows(invocation: Invocation, place: Place, wanted: RowsWanted) -> TableRows:
    """Show the first rows of a table."""
    if (backup_id := place.backup_id) is not None:
        path, body = _rows_request(backup_id, wanted)
        return TableRows.model_validate(_asked(invocation, place, path, body))
    source, blocks = _opened(invocation, place)
    with _engine(invocation, place) as (engine, watch):
        return engine.rows(source, blocks, wanted, watch)


def _rows_request(backup_id: str, wanted: RowsWanted) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {"limit": wanted.limit}
    if "/" not in wanted.table:
        return f"/v1/backups/{backup_id}/tables/{quote(wanted.table, safe='')}/rows", body
    schema, table = parse_name(wanted.table)
    if schema is None:
        raise InvalidRequest(
            f"{wanted.table} names no schema", hint="Name it as schema.table.", field="table"
        )
    # servers take a slash in a path apart, quoted or not
    return f"/v1/backups/{backup_id}/rows", {**body, "schema": schema, "table": table}


def _asked(
    invocation: Invocation, place: Place, path: str, body: dict[str, object]
) -> dict[str, Any]:
    with open_service(invocation, place.data) as service:
        return job_result(service, service.request("POST", path, body=body))


@contextmanager
def _engine(invocation: Invocation, place: Place) -> Iterator[tuple[Engine, ViewWatch]]:
    watch = ViewWatch(invocation.interruption, SilentView())
    with tempfile.TemporaryDirectory() as scratch, watch.owning():
        settings = invocation.settings(place.data)
        yield postgres_engine(settings, Path(scratch), SystemClock()), watch


def _opened(invocation: Invocation, place: Place) -> tuple[FileRanges, tuple[BlockDigest, ...]]:
    path = Path(place.target)
    if not path.is_file():
        raise InvalidRequest(f"{path} is not a file", hint="Name a dump file.", field="target")
    require_custom(recognised(path)[0])
    source = FileRanges(path)
    envelope = sidecar.beside(path)
    if envelope is None:
        return source, ()
    settings = invocation.settings(place.data)
    sidecar.check_signature(envelope, sidecar.key_path(settings.data, place.key))
    manifest = envelope.manifest
    if source.size_bytes != manifest.main.stored_bytes:
        raise IntegrityFailed(
            f"{path.name} has {source.size_bytes} bytes,"
            f" and its manifest says {manifest.main.stored_bytes}"
        )
    return source, manifest.blocks
