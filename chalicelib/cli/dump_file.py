"""Dump one database into a file: made beside its place, read back in full, and only then there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.cli import sidecar
from chalicelib.cli.hashing_reader import HashingReader
from chalicelib.cli.pending_file import PendingFile, place_together, refuse_existing, refuse_special
from chalicelib.cli.progress_view import ViewWatch
from chalicelib.domain.backup import (
    Artefact,
    Asked,
    BackupOptions,
    BackupType,
    Checksum,
    Compression,
    Format,
    Verification,
    VerificationLevel,
    plan_format,
)
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import IntegrityFailed, Internal, InvalidRequest
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.measure import READ_TWICE, require_equal
from chalicelib.domain.object_keys import SCHEMA_DUMP, dump_names
from chalicelib.ports import Clock, Ids
from chalicelib.postgres_ports import ArchiveReport, DumpPlan, DumpRequest, DumpResult, Engine, Sink

NO_PROJECT: Final = "-"
READ_BACK: Final = "SHA-256 read back from the file; the dump read in full"


@dataclass(frozen=True)
class DumpTarget:
    """Say where a dump goes; `replace` allows it to take an existing file's place."""

    path: Path
    replace: bool

    def all_paths(self, kind: BackupType) -> tuple[Path, ...]:
        """Return every file that will appear."""
        schema = (sidecar.schema_path(self.path),) if kind is BackupType.DATA else ()
        return (self.path, sidecar.manifest_path(self.path), *schema)


@dataclass(frozen=True)
class DumpTools:
    """Hold what a dump works with."""

    engine: Engine
    signer: FileSigner
    clock: Clock
    ids: Ids
    watch: ViewWatch


@dataclass(frozen=True)
class DumpOutcome:
    """Say what a dump made; times in seconds."""

    manifest: Manifest
    manifest_path: Path
    path: Path
    plan: DumpPlan
    dump_s: float
    verify_s: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the verification left open."""
        verification = self.manifest.verification
        return verification.reasons if verification else ()

    def to_json(self) -> dict[str, object]:
        """Return the outcome as `--json` prints it; field names are stable."""
        plan, main, counts = self.plan, self.manifest.main, self.manifest.counts
        return {
            "path": str(self.path),
            "bytes": main.stored_bytes,
            "raw_bytes": self.manifest.raw_bytes,
            "sha256": main.checksum.value,
            "engine": plan.engine,
            "seconds": round(self.dump_s, 3),
            "verify_seconds": round(self.verify_s, 3),
            "server_version": plan.server_version,
            "client_version": plan.client_version,
            "restore_needs": plan.restore_needs,
            "type": plan.type.value,
            "format": plan.format.value,
            "compression": plan.compression.value,
            "rows": counts.rows,
            "tables": len(counts.tables),
            "large_objects": counts.large_objects,
            "uncounted": counts.uncounted,
            "manifest": str(self.manifest_path),
            "files": [a.key for a in self.manifest.artefacts],
            "warnings": list(plan.warnings),
            "reasons": list(self.reasons),
        }


def dump_to_file(
    connection: Connection, options: BackupOptions, target: DumpTarget, tools: DumpTools
) -> DumpOutcome:
    """Dump, read back, describe, sign, and place; whatever fails leaves no file at all."""
    _check_level(options, plan_format(options))
    _check_target(target, options.type)
    with tools.watch.owning(), ExitStack() as stack:
        plan = tools.engine.plan(connection, options)
        # a key that cannot be had is better met now than after hours of dumping
        tools.signer.sign(b"")
        files = {
            name: stack.enter_context(PendingFile(_place_of(name, target.path)))
            for name in dump_names(plan.type, plan.format, plan.compression)
        }
        described = stack.enter_context(PendingFile(sidecar.manifest_path(target.path)))
        is_strict = options.verification is Asked.STRICT
        run = _Run(connection, plan, files, tools, is_strict)
        run.dump()
        run.verify()
        manifest = run.manifest()
        # the signature covers what was read back, not what was meant to be written
        described.write(sidecar.signed(manifest, tools.signer))
        tools.watch.check()
        # the dump comes last: whoever sees it sees a whole set
        place_together(described, *reversed(files.values()), replace=target.replace)
    return DumpOutcome(manifest, described.target, target.path, plan, run.dump_s, run.verify_s)


@dataclass
class _Run:
    """One dump on its way through its steps."""

    connection: Connection
    plan: DumpPlan
    files: Mapping[str, PendingFile]
    tools: DumpTools
    is_strict: bool
    dump_s: float = 0.0
    verify_s: float = 0.0
    left_open: tuple[str, ...] = ()
    result: DumpResult | None = None
    reports: dict[str, ArchiveReport] = field(default_factory=dict)

    def dump(self) -> None:
        """Have the engine write every file, and bring them to the disk."""
        begun = self.tools.clock.monotonic()
        run_id = self.tools.ids.new()
        request = DumpRequest(self.connection, self.plan, run_id, self.is_strict)
        self.result = self.tools.engine.dump(request, self._sink, self.tools.watch)
        for pending in self.files.values():
            pending.flush()
        self.dump_s = self.tools.clock.monotonic() - begun

    def verify(self) -> None:
        """Read every file back from its first byte to its last, by client and by hash."""
        begun = self.tools.clock.monotonic()
        for name, pending in self.files.items():
            self.reports[name] = self._verified(name, pending)
        if self.is_strict and self.result is not None:
            blocks = self.reports[next(iter(self.files))].blocks
            self.left_open = require_equal(self.result.counts, blocks)
        self.verify_s = self.tools.clock.monotonic() - begun

    def manifest(self) -> Manifest:
        """Describe what was made."""
        if self.result is None:
            raise Internal("nothing was dumped")
        plan = self.plan
        main = self.reports[next(iter(self.files))]
        now = self.tools.clock.now()
        return Manifest(
            backup_id=self.tools.ids.new(),
            project_id=NO_PROJECT,
            attempt=1,
            type=plan.type,
            format=plan.format,
            compression=plan.compression,
            engine=plan.engine,
            database=self.connection.endpoint.database,
            server_version=plan.server_version,
            client_version=plan.client_version,
            restore_needs=plan.restore_needs,
            dumped_at=now,
            raw_bytes=main.raw_bytes if self.result.raw_bytes is None else self.result.raw_bytes,
            artefacts=tuple(self._artefact(name) for name in self.files),
            counts=self.result.counts,
            blocks=main.blocks,
            verification=Verification(
                level=VerificationLevel.ARCHIVE,
                at=now,
                by=main.read_by,
                report=f"{READ_BACK}; {READ_TWICE}" if self.is_strict else READ_BACK,
                reasons=(*main.reasons, *self.left_open),
            ),
        )

    def _sink(self, name: str) -> Sink:
        return self.files[name]

    def _verified(self, name: str, pending: PendingFile) -> ArchiveReport:
        file_format, compression = _form(name, self.plan)
        reader = HashingReader(pending.read_back(), pending.size_bytes, self.tools.watch)
        report = self.tools.engine.check(
            file_format, compression, reader.chunks(), self.tools.watch
        )
        # a client may be content before the last byte; the hash is of all of them
        if reader.finish() != pending.sha256:
            raise IntegrityFailed(
                f"{pending.target.name} does not read back as it was written",
                hint="The disk returned other bytes than it took; check it, then dump elsewhere.",
            )
        return report

    def _artefact(self, name: str) -> Artefact:
        pending = self.files[name]
        return Artefact(
            name=name,
            key=pending.target.name,
            stored_bytes=pending.size_bytes,
            raw_bytes=self.reports[name].raw_bytes,
            checksum=Checksum(value=pending.sha256),
        )


def _check_level(options: BackupOptions, file_format: Format) -> None:
    if options.verification is Asked.STRICT and file_format is Format.PLAIN:
        raise InvalidRequest(
            "a plain dump has no blocks to compare with a second reading of the source",
            hint="Use format custom for --verify strict.",
            field="verify",
        )


def _form(name: str, plan: DumpPlan) -> tuple[Format, Compression]:
    if name == SCHEMA_DUMP:
        return Format.CUSTOM, Compression.NONE  # custom archives name their codec themselves
    return plan.format, plan.compression


def _place_of(name: str, path: Path) -> Path:
    return sidecar.schema_path(path) if name == SCHEMA_DUMP else path


def _check_target(target: DumpTarget, kind: BackupType) -> None:
    if str(target.path) == "-":
        raise InvalidRequest(
            "a dump cannot go to stdout",
            hint="Give a file: it is read back in full before it appears under its name.",
            field="output",
        )
    _check_name(target.path)
    if target.path.is_dir():
        raise InvalidRequest(f"{target.path} is a folder", hint="Name a file.", field="output")
    paths = target.all_paths(kind)
    refuse_special(*paths)
    if not target.replace:
        refuse_existing(*paths)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        # bytes that are no text cannot stand in the manifest, which is JSON
        raise InvalidRequest(
            "the name of the file is not text in UTF-8",
            hint="Choose another name; the manifest beside the file has to hold it.",
            field="output",
        ) from error
