"""The order of a check's steps, with an engine that believes everything."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.cli import sidecar
from chalicelib.cli.check_file import CheckOutcome, check_file, recognised
from chalicelib.cli.interruption import Interruption
from chalicelib.cli.progress_view import SilentView, ViewWatch
from chalicelib.domain.backup import (
    Artefact,
    BackupOptions,
    BackupType,
    Checksum,
    Compression,
    Format,
    SourceCounts,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest
from chalicelib.domain.manifest import Manifest, digest
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

DUMP = b"PGDMP and the rest of an archive"
SCHEMA = b"PGDMP of definitions"
JSON_FIELDS = {
    "path",
    "bytes",
    "raw_bytes",
    "sha256",
    "format",
    "compression",
    "signed_by",
    "checked",
    "not_checked",
}


@dataclass
class CredulousEngine:
    """Believe every dump, after its first chunk; remember what was read."""

    read: list[tuple[Format, Compression, bytes]] = field(default_factory=list)

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        raise NotImplementedError

    def databases(self, connection: Connection) -> tuple[str, ...]:
        raise NotImplementedError

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        raise NotImplementedError

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        raise NotImplementedError

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        raise NotImplementedError

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
        self.read.append((file_format, compression, next(chunks, b"")))
        return ArchiveReport(raw_bytes=99, read_by="somebody")


def _artefact(name: str, path: Path) -> Artefact:
    data = path.read_bytes()
    checksum = Checksum(value=digest(data))
    return Artefact(name=name, key=path.name, stored_bytes=len(data), checksum=checksum)


@pytest.fixture
def data_dump(tmp_path: Path) -> Path:
    """A dump of type data, its schema and its signed manifest."""
    path = tmp_path / "x.dump"
    path.write_bytes(DUMP)
    sidecar.schema_path(path).write_bytes(SCHEMA)
    manifest = Manifest(
        backup_id="b",
        project_id="-",
        attempt=1,
        type=BackupType.DATA,
        format=Format.CUSTOM,
        compression=Compression.GZIP,
        engine="stream",
        database="shop",
        server_version="18.6",
        client_version="18.6",
        restore_needs="18",
        dumped_at=datetime(2026, 1, 1, tzinfo=UTC),
        raw_bytes=99,
        artefacts=(
            _artefact("database.dump", path),
            _artefact("schema.dump", sidecar.schema_path(path)),
        ),
        counts=SourceCounts(),
    )
    signer = FileSigner(tmp_path / "signing.key")
    sidecar.manifest_path(path).write_bytes(sidecar.signed(manifest, signer))
    return path


def _check(path: Path, engine: CredulousEngine | None = None) -> CheckOutcome:
    watch = ViewWatch(Interruption(), SilentView())
    return check_file(path, path.parent / "signing.key", engine or CredulousEngine(), watch)


@pytest.mark.parametrize(
    ("start", "form"),
    [
        (b"PGDMP\x01", (Format.CUSTOM, Compression.NONE)),
        (gzip.compress(b"--", mtime=0), (Format.PLAIN, Compression.GZIP)),
        (b"BZh91AY&SY", (Format.PLAIN, Compression.BZIP2)),
        (zstandard.compress(b"--"), (Format.PLAIN, Compression.ZSTD)),
        (b"--\n-- PostgreSQL", (Format.PLAIN, Compression.NONE)),
        (b"PGDM", (Format.PLAIN, Compression.NONE)),
        (b"", (Format.PLAIN, Compression.NONE)),
    ],
    ids=["custom", "gzip", "bzip2", "zstd", "plain", "too short", "empty"],
)
def test_a_file_is_recognised_by_how_it_begins(
    tmp_path: Path, start: bytes, form: tuple[Format, Compression]
) -> None:
    (tmp_path / "x").write_bytes(start)

    assert recognised(tmp_path / "x") == form


def test_json_has_these_fields_and_no_others(data_dump: Path) -> None:
    assert _check(data_dump).to_json().keys() == JSON_FIELDS


def test_both_files_of_a_data_dump_are_read_by_the_engine(data_dump: Path) -> None:
    engine = CredulousEngine()

    outcome = _check(data_dump, engine)

    assert sorted(read[2] for read in engine.read) == sorted([DUMP, SCHEMA])
    assert outcome.not_checked == ()


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _change_the_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("name", ["x.dump", "x.dump.schema.dump"])
@pytest.mark.parametrize("damage", [_lengthen, _change_the_last_byte])
def test_what_differs_is_found_even_by_a_credulous_reader(
    data_dump: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(data_dump.parent / name)

    with pytest.raises(IntegrityFailed, match=name.replace(".", r"\.")):
        _check(data_dump)


def test_a_damaged_dump_is_given_to_no_client(data_dump: Path) -> None:
    _change_the_last_byte(data_dump)
    engine = CredulousEngine()

    with pytest.raises(IntegrityFailed):
        _check(data_dump, engine)

    assert engine.read == []


def test_a_missing_schema_is_named(data_dump: Path) -> None:
    sidecar.schema_path(data_dump).unlink()

    with pytest.raises(IntegrityFailed, match=r"x\.dump\.schema\.dump is missing"):
        _check(data_dump)


def test_a_renamed_dump_is_checked_against_the_manifest_beside_it(data_dump: Path) -> None:
    moved = data_dump.with_name("renamed.dump")
    data_dump.rename(moved)
    sidecar.schema_path(data_dump).rename(sidecar.schema_path(moved))
    sidecar.manifest_path(data_dump).rename(sidecar.manifest_path(moved))

    assert _check(moved).signed_by is sidecar.SignedBy.OURS


def test_a_signature_can_be_required(data_dump: Path) -> None:
    sidecar.manifest_path(data_dump).unlink()
    outcome = _check(data_dump)

    outcome.require(signature=False)

    with pytest.raises(IntegrityFailed, match="no signature of our key"):
        outcome.require(signature=True)


def test_a_folder_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not a file"):
        _check(tmp_path)
