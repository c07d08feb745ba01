"""The order of a dump's steps, with an engine that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.cli import sidecar
from chalicelib.cli.dump_file import DumpOutcome, DumpTarget, DumpTools, dump_to_file
from chalicelib.cli.interruption import Interruption
from chalicelib.cli.progress_view import SilentView, ViewWatch
from chalicelib.domain.backup import (
    BackupOptions,
    BackupType,
    Compression,
    Format,
    SourceCounts,
    TableCount,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import (
    Cancelled,
    HoldfastError,
    IntegrityFailed,
    SourceLost,
    StorageFailed,
)
from chalicelib.domain.proof import ProofReport
from chalicelib.postgres_ports import (
    ArchiveReport,
    DumpPlan,
    DumpRequest,
    DumpResult,
    Estimate,
    ProofRequest,
    ProofRoom,
    Ranges,
    Sink,
    SourceReport,
    Watch,
)

BYTES = b"PGDMP" + bytes(range(256)) * 40


@dataclass
class ToldEngine:
    """Write BYTES into every sink; `dumping` and `checking` happen on the way."""

    dumping: Callable[[Watch], object] = lambda _: None
    checking: Callable[[Watch], object] = lambda _: None

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        raise NotImplementedError

    def databases(self, connection: Connection) -> tuple[str, ...]:
        raise NotImplementedError

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        raise NotImplementedError

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        return DumpPlan(
            type=options.type,
            format=Format.CUSTOM,
            compression=Compression.GZIP,
            engine="stream",
            server_version="18.6",
            client_version="18.6",
            restore_needs="18",
        )

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        names = ["database.dump"]
        names += ["schema.dump"] if request.plan.type is BackupType.DATA else []
        for name in names:
            open_sink(name).write(BYTES)
        self.dumping(watch)
        table = TableCount(schema_name="public", table="t", rows=7)
        return DumpResult(SourceCounts(tables=(table,)), raw_bytes=None)

    def proof_room(self, request: ProofRequest) -> ProofRoom:
        raise NotImplementedError

    def prove(
        self, request: ProofRequest, open_artefact: Callable[[str], Iterator[bytes]], watch: Watch
    ) -> ProofReport:
        raise NotImplementedError

    def contents(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], watch: Watch
    ) -> ArchiveContents:
        raise NotImplementedError

    def rows(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], wanted: RowsWanted, watch: Watch
    ) -> TableRows:
        raise NotImplementedError

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        self.checking(watch)
        next(chunks)
        return ArchiveReport(raw_bytes=99, read_by="pg_restore 18.6")


def _dump(
    folder: Path,
    engine: ToldEngine,
    kind: BackupType = BackupType.FULL,
    interruption: Interruption | None = None,
) -> DumpOutcome:
    clock = SystemClock()
    tools = DumpTools(
        engine=engine,
        signer=FileSigner(folder / "keys" / "signing.key"),
        clock=clock,
        ids=UlidIds(clock),
        watch=ViewWatch(interruption or Interruption(), SilentView()),
    )
    target = DumpTarget(folder / "out" / "x.dump", replace=False)
    target.path.parent.mkdir()
    connection = Connection(Endpoint(host="localhost", database="shop"))
    return dump_to_file(connection, BackupOptions(type=kind), target, tools)


def _files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "out").iterdir()}


def test_the_manifest_says_what_was_dumped(tmp_path: Path) -> None:
    outcome = _dump(tmp_path, ToldEngine())

    envelope = sidecar.read(outcome.manifest_path)
    assert envelope is not None
    assert envelope.manifest == outcome.manifest
    assert (outcome.manifest.counts.rows, outcome.manifest.raw_bytes) == (7, 99)
    assert (outcome.manifest.project_id, outcome.manifest.database) == ("-", "shop")
    assert outcome.manifest.main.stored_bytes == len(BYTES)


def test_a_data_dump_describes_both_its_files(tmp_path: Path) -> None:
    outcome = _dump(tmp_path, ToldEngine(), BackupType.DATA)

    assert [a.key for a in outcome.manifest.artefacts] == ["x.dump", "x.dump.schema.dump"]
    assert _files(tmp_path) == {"x.dump", "x.dump.schema.dump", "x.dump.manifest.json"}


def test_a_disk_that_returns_other_bytes_is_found_out(tmp_path: Path) -> None:
    def change_the_last_byte(_: Watch) -> None:
        # eight letters of chance: the manifest's own part has a longer name
        part = next((tmp_path / "out").glob(".x.dump.????????.part"))
        part.write_bytes(BYTES[:-1] + b"?")

    with pytest.raises(IntegrityFailed, match="does not read back"):
        _dump(tmp_path, ToldEngine(checking=change_the_last_byte))

    assert _files(tmp_path) == set()


def _raise(error: HoldfastError) -> Callable[[Watch], NoReturn]:
    def act(_: Watch) -> NoReturn:
        raise error

    return act


@pytest.mark.parametrize(
    "engine",
    [
        ToldEngine(dumping=_raise(SourceLost("the connection broke"))),
        ToldEngine(checking=_raise(IntegrityFailed("it is not an archive"))),
    ],
)
def test_whatever_fails_leaves_no_file(tmp_path: Path, engine: ToldEngine) -> None:
    with pytest.raises(HoldfastError):
        _dump(tmp_path, engine, BackupType.DATA)

    assert _files(tmp_path) == set()


@pytest.mark.parametrize("phase", ["dumping", "checking"])
def test_a_signal_in_any_phase_leaves_no_file(tmp_path: Path, phase: str) -> None:
    interruption = Interruption()

    def interrupt(watch: Watch) -> None:
        interruption.asked = True
        watch.check()

    with pytest.raises(Cancelled):
        _dump(tmp_path, ToldEngine(**{phase: interrupt}), interruption=interruption)

    assert _files(tmp_path) == set()


def test_a_key_that_cannot_be_had_fails_before_anything_is_dumped(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    dumped: list[Watch] = []

    with pytest.raises(StorageFailed):
        _dump(tmp_path, ToldEngine(dumping=dumped.append))

    assert dumped == []
