"""Restore real dumps into real servers with one restorer over a scratch folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.connection import Connection
from chalicelib.domain.restore import (
    Comparison,
    Preflight,
    RestoreOptions,
    RestoreReport,
    TargetState,
    confirmation_of,
    options_of,
)
from chalicelib.engine.choice import FloorPolicy
from chalicelib.engine.clients import Clients, default_folders
from chalicelib.engine.restore.hold import RestorerSettings
from chalicelib.engine.restore.restorer import PostgresRestorer
from chalicelib.postgres_ports import RestoreFile, RestoreRequest, RestoreSource, Watch
from tests.support.dumping import Bystander, Dumped, Dumper, execute
from tests.support.proving import Prover

PIECE_BYTES = 1 << 16


def options(*, confirm: Connection | None = None, **fields: Any) -> RestoreOptions:
    """Return options; fields of the selection may be given as if they were the options' own."""
    confirmation = confirmation_of(confirm.endpoint) if confirm else None
    return options_of({**fields, "confirmation": confirmation})


def kept(data: bytes, path: Path | None = None) -> RestoreFile:
    """Return an artefact in a file, or one that can only be streamed."""
    if path is not None:
        path.write_bytes(data)

    def pieces() -> Iterator[bytes]:
        return iter(
            [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
        )

    return RestoreFile(pieces, path)


@dataclass
class Bench:
    """Dump and restore over one folder."""

    folder: Path
    clients: Clients = field(default_factory=lambda: Clients(default_folders(())))
    floor_policy: FloorPolicy = "warn"
    reached: list[TargetState] = field(default_factory=list)
    streams: bool = False

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def restorer(self) -> PostgresRestorer:
        settings = RestorerSettings(self.clients, self.floor_policy, 30.0, self.scratch)
        return PostgresRestorer(settings, SystemClock())

    def dump(self, connection: Connection, **chosen: Any) -> RestoreSource:
        dumper = Dumper(self.folder / "dumping")
        made = dumper.dump(connection, BackupOptions.model_validate(chosen))
        source = self.source(made)
        return replace(source, blocks=Prover(dumper).blocks(made))

    def source(self, dumped: Dumped) -> RestoreSource:
        schema = dumped.files.get("schema.dump")
        return RestoreSource(
            main=kept(dumped.main, None if self.streams else self.folder / "main"),
            schema=None if schema is None else kept(schema, self.folder / "schema"),
            type=dumped.plan.type,
            format=dumped.plan.format,
            compression=dumped.plan.compression,
            server_version=dumped.plan.server_version,
            restore_needs=dumped.plan.restore_needs,
            counts=dumped.result.counts,
            is_ours=True,
        )

    def preflight(
        self, source: RestoreSource, target: Connection, chosen: RestoreOptions | None = None
    ) -> Preflight:
        return self.restorer.preflight(_request(source, target, chosen), Bystander())

    def restore(
        self,
        source: RestoreSource,
        target: Connection,
        chosen: RestoreOptions | None = None,
        watch: Watch | None = None,
    ) -> RestoreReport:
        return self.restorer.restore(
            _request(source, target, chosen), self.reached.append, watch or Bystander()
        )

    def compared(
        self,
        source: RestoreSource,
        target: Connection,
        chosen: RestoreOptions | None = None,
        *meddling: str,
    ) -> Comparison:
        """Restore, with statements that run in the target before it is compared."""

        def reached(state: TargetState) -> None:
            if state is TargetState.RESTORED and meddling:
                execute(target, *meddling)

        report = self.restorer.restore(_request(source, target, chosen), reached, Bystander())
        assert report.errors_total == 0
        assert report.comparison is not None
        return report.comparison

    def leftovers(self) -> list[Path]:
        return list(self.scratch.rglob("*"))


def foreign(source: RestoreSource) -> RestoreSource:
    """Return the source as one that nobody signed and nobody described."""
    return replace(source, is_ours=False, server_version=None, restore_needs=None, counts=None)


def _request(
    source: RestoreSource, target: Connection, chosen: RestoreOptions | None
) -> RestoreRequest:
    return RestoreRequest(source, target, chosen or RestoreOptions(), "01TESTRESTORE")
