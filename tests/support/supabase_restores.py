"""Back up a stand-in without a service, and restore into another one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import BackupOptions, BackupType, Component, Format
from chalicelib.domain.errors import NotFound
from chalicelib.domain.restore import Preflight, RestoreOptions, RestoreReport, TargetState
from chalicelib.domain.storage_file import FILES, OBJECTS, StorageFile, parse_object
from chalicelib.engine.clients import Clients, default_folders
from chalicelib.engine.restore.hold import RestorerSettings
from chalicelib.engine.restore.workbench import PostgresWorkbench
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.postgres_ports import (
    DumpRequest,
    PartSource,
    PlatformTarget,
    RestoreFile,
    RestoreRequest,
    RestoreSource,
)
from chalicelib.supabase.parts import extent
from chalicelib.supabase.restore.restorer import SupabaseRestorer
from tests.support.dumping import RUN_ID, Bystander, Dumped, Dumper

CONFIG: dict[str, dict[str, Any]] = {
    "auth": {"site_url": "https://shop.example.org", "password_min_length": 12},
    "postgrest": {"max_rows": 77},
    "ssl_enforcement": {"currentConfig": {"database": True}},
}


def file_of(data: bytes) -> RestoreFile:
    """Return an artefact in memory."""
    return RestoreFile(lambda: iter([data]))


@dataclass
class Copies:
    """Hold the files of a backup as a store does."""

    by_key: dict[str, bytes] = field(default_factory=dict)

    def open(self, key: str) -> Iterator[bytes]:
        if key not in self.by_key:
            raise NotFound(f"there is no {key}")
        yield self.by_key[key]


def backup_of(stand_in: SupabaseStandIn, folder: Path) -> RestoreSource:
    """Return a backup of everything, as a service would have kept it."""
    dumper = Dumper(folder / "dumping")
    options = BackupOptions(components=tuple(Component))
    plan = dumper.engine.plan(stand_in.connection, options)
    taken = extent(stand_in.settings, options)
    request = DumpRequest(
        stand_in.connection,
        plan,
        RUN_ID,
        scope=taken.scope,
        parts=taken.parts,
        readings=taken.readings,
    )
    return _described(dumper, dumper.run(request), stand_in)


def _described(dumper: Dumper, dumped: Dumped, stand_in: SupabaseStandIn) -> RestoreSource:
    copies, texts = Copies(), dumped.files
    texts[FILES] = _copied(stand_in, texts[OBJECTS], copies)
    texts["functions.jsonl"] = _functions(stand_in)
    texts["config.jsonl"] = _config()
    artefacts = {name: file_of(data) for name, data in texts.items()}
    report = {
        name: dumper.engine.check(
            Format.CUSTOM, dumped.plan.compression, iter([data]), Bystander()
        ).blocks
        for name, data in texts.items()
        if name.endswith(".dump")
    }
    return RestoreSource(
        main=artefacts["database.dump"],
        schema=None,
        type=BackupType.FULL,
        format=Format.CUSTOM,
        compression=dumped.plan.compression,
        server_version=dumped.plan.server_version,
        restore_needs=dumped.plan.restore_needs,
        counts=dumped.result.counts,
        is_ours=True,
        blocks=report["database.dump"],
        artefacts=artefacts,
        parts={
            name: PartSource(artefacts[name], counts, report[name])
            for name, counts in dumped.result.parts.items()
        },
        open_file=copies.open,
    )


def _copied(stand_in: SupabaseStandIn, rows: bytes, copies: Copies) -> bytes:
    lines = []
    for number, line in enumerate(rows.splitlines(), start=1):
        row = parse_object(line)
        data = stand_in.storage.path(row.bucket, row.name, row.version or "").read_bytes()
        copies.by_key[f"files/{number}"] = data
        lines.append(
            StorageFile(
                bucket=row.bucket,
                name=row.name,
                version=row.version,
                size_bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                content_type=row.content_type,
                cache_control=row.cache_control,
                key=f"files/{number}",
            ).line
        )
    return "\n".join(lines).encode()


def _functions(stand_in: SupabaseStandIn) -> bytes:
    lines = [
        {
            "slug": one.slug,
            "metadata": one.metadata,
            "entrypoint": one.entrypoint_path,
            "files": {path: base64.b64encode(text).decode() for path, text in one.files.items()},
        }
        for one in stand_in.platform.functions.values()
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def _config() -> bytes:
    lost = {"auth": ["external_github_secret"]}
    lines = [
        {"section": name, "values": values, "not_restorable": lost.get(name, [])}
        for name, values in CONFIG.items()
    ]
    return "\n".join(map(json.dumps, lines)).encode()


@dataclass
class Restoring:
    """Restore backups into stand-ins over one folder."""

    folder: Path
    reached: list[TargetState] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @property
    def restorer(self) -> SupabaseRestorer:
        clients = Clients(default_folders(()))
        settings = RestorerSettings(clients, "warn", 30.0, self.folder / "scratch")
        workbench = PostgresWorkbench(settings, SystemClock(), self.pauses.append)
        return SupabaseRestorer(workbench, self.pauses.append)

    def restore(
        self, source: RestoreSource, target: SupabaseStandIn, *components: Component
    ) -> RestoreReport:
        request = request_of(source, target, *components)
        return self.restorer.restore(request, self.reached.append, Bystander())

    def preflight(
        self, source: RestoreSource, target: SupabaseStandIn, *components: Component
    ) -> Preflight:
        return self.restorer.preflight(request_of(source, target, *components), Bystander())


def request_of(
    source: RestoreSource, target: SupabaseStandIn, *components: Component
) -> RestoreRequest:
    """Return the request for a restore as `postgres`, with token and key of the target."""
    return RestoreRequest(
        source=source,
        connection=target.connection,
        options=RestoreOptions(components=components or None),
        run_id="01TESTRESTORE",
        platform=PlatformTarget(target.settings, target.access_token, target.service_key),
    )


def without(source: RestoreSource, *names: str) -> RestoreSource:
    """Return a backup that lacks artefacts."""
    kept = {name: file for name, file in source.artefacts.items() if name not in names}
    return replace(source, artefacts=kept)


def changed(source: RestoreSource, name: str, data: bytes) -> RestoreSource:
    """Return a backup with another text in place of one."""
    return replace(source, artefacts={**source.artefacts, name: file_of(data)})
