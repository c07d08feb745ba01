"""Check a dump file: its signed manifest where there is one, and every byte of it in any case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from chalicelib.cli import sidecar
from chalicelib.cli.check_beside import check_beside, compare_bytes
from chalicelib.cli.hashing_reader import HashingReader
from chalicelib.cli.pending_file import read_chunks
from chalicelib.cli.progress_view import ViewWatch
from chalicelib.cli.sidecar import SignedBy
from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest
from chalicelib.postgres_ports import ArchiveReport, Engine

_MAGIC: Final = (
    (b"PGDMP", Format.CUSTOM, Compression.NONE),
    (b"\x1f\x8b", Format.PLAIN, Compression.GZIP),
    (b"BZh", Format.PLAIN, Compression.BZIP2),
    (b"\x28\xb5\x2f\xfd", Format.PLAIN, Compression.ZSTD),
)


@dataclass(frozen=True)
class CheckOutcome:
    """Say what was checked, as sentences, and what was not, with the reason."""

    path: Path
    size_bytes: int
    raw_bytes: int
    sha256: str
    format: Format
    compression: Compression
    signed_by: SignedBy | None
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]

    def require(self, *, signature: bool) -> None:
        """Refuse with IntegrityFailed a file without our signature, if one is asked for."""
        if signature and self.signed_by is not SignedBy.OURS:
            raise IntegrityFailed(
                f"{self.path.name} has no signature of our key",
                hint="Name the key that signed it with --key, or check without requiring one.",
            )

    def to_json(self) -> dict[str, object]:
        """Return the outcome as `--json` prints it; field names are stable."""
        return {
            "path": str(self.path),
            "bytes": self.size_bytes,
            "raw_bytes": self.raw_bytes,
            "sha256": self.sha256,
            "format": self.format.value,
            "compression": self.compression.value,
            "signed_by": self.signed_by.value if self.signed_by else None,
            "checked": list(self.checked),
            "not_checked": list(self.not_checked),
        }


@dataclass(frozen=True)
class _Read:
    report: ArchiveReport
    sha256: str
    size_bytes: int


def check_file(path: Path, key: Path, engine: Engine, watch: ViewWatch) -> CheckOutcome:
    """Check everything that can be; IntegrityFailed on the first thing that differs."""
    if not path.is_file():
        raise InvalidRequest(f"{path} is not a file", hint="Name a dump file.", field="file")
    envelope = sidecar.beside(path)
    if envelope is None:
        form = recognised(path)
        return _outcome(path, form, _read(path, form, engine, watch))
    signed_by = sidecar.check_signature(envelope, key)
    manifest = envelope.manifest
    form = (manifest.format, manifest.compression)
    compare_bytes(manifest.main, path, watch)
    beside = check_beside(manifest, path, engine, watch)
    outcome = _outcome(path, form, _read(path, form, engine, watch), signed_by)
    return replace(
        outcome,
        checked=(*outcome.checked, *beside.checked),
        not_checked=(*outcome.not_checked, *beside.not_checked),
    )


def recognised(path: Path) -> tuple[Format, Compression]:
    """Tell format and compression by the first bytes; what is no known mark is taken for SQL."""
    start = next(iter(read_chunks(path)), b"")
    for magic, file_format, compression in _MAGIC:
        if start.startswith(magic):
            return file_format, compression
    return Format.PLAIN, Compression.NONE


def _read(path: Path, form: tuple[Format, Compression], engine: Engine, watch: ViewWatch) -> _Read:
    reader = HashingReader(read_chunks(path), path.stat().st_size, watch)
    report = engine.check(*form, reader.chunks(), watch)
    return _Read(report, reader.finish(), reader.size_bytes)


def _outcome(
    path: Path,
    form: tuple[Format, Compression],
    read: _Read,
    signed_by: SignedBy | None = None,
) -> CheckOutcome:
    checked = [
        f"every byte was read by {read.report.read_by}, {read.report.raw_bytes} bytes of SQL"
    ]
    not_checked = list(read.report.reasons)
    if signed_by is None:
        not_checked.append("signature, size and SHA-256: there is no manifest beside the file")
    else:
        checked = ["size and SHA-256 are those of the manifest", *checked]
    if signed_by is SignedBy.OURS:
        checked = ["the manifest is signed with our key", *checked]
    if signed_by is SignedBy.ANOTHER:
        not_checked.append("who signed: the manifest's key is not the one on this machine")
    return CheckOutcome(
        path=path,
        size_bytes=read.size_bytes,
        raw_bytes=read.report.raw_bytes,
        sha256=read.sha256,
        format=form[0],
        compression=form[1],
        signed_by=signed_by,
        checked=tuple(checked),
        not_checked=tuple(not_checked),
    )
