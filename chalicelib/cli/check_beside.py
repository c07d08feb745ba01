"""Check what lies beside a dump: archives of the same snapshot, listings, files of the storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.cli import sidecar
from chalicelib.cli.hashing_reader import HashingReader
from chalicelib.cli.pending_file import read_chunks
from chalicelib.cli.progress_view import ViewWatch
from chalicelib.domain.backup import Artefact, Compression, Format
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import SCHEMA_DUMP, is_dump
from chalicelib.domain.storage_file import FILES, StorageFile, file_number, parse_file
from chalicelib.postgres_ports import Engine


@dataclass(frozen=True)
class Beside:
    """Say what was checked and what was not, as sentences."""

    checked: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()

    def __add__(self, other: Beside) -> Beside:
        """Say both."""
        return Beside(self.checked + other.checked, self.not_checked + other.not_checked)


def check_beside(manifest: Manifest, path: Path, engine: Engine, watch: ViewWatch) -> Beside:
    """Check every artefact but the dump itself; IntegrityFailed for the first that differs.

    What was not brought along is told; only the schema of a dump of type data must be there.
    """
    found = Beside()
    for artefact in manifest.artefacts[1:]:
        place = sidecar.artefact_path(path, artefact.name)
        if not place.is_file() and artefact.name != SCHEMA_DUMP:
            found += Beside(not_checked=(f"{artefact.name}: it is not beside the dump",))
            continue
        compare_bytes(artefact, place, watch)
        if is_dump(artefact.name):
            engine.check(Format.CUSTOM, Compression.NONE, read_chunks(place), watch)
        if artefact.name != SCHEMA_DUMP:
            found += Beside((f"{artefact.name}: size and SHA-256 are those of the manifest",))
        if artefact.name == FILES:
            found += _check_files(place)
    return found


def compare_bytes(artefact: Artefact, path: Path, watch: ViewWatch) -> None:
    """Refuse with IntegrityFailed a file without the size and SHA-256 of its description."""
    # before any client reads it: a file that differs is told as that, not as what a client says
    if not path.is_file():
        raise IntegrityFailed(f"{path.name} is missing, and the manifest names it")
    _compare(path.name, "size", artefact.stored_bytes, path.stat().st_size)
    digest = HashingReader(read_chunks(path), artefact.stored_bytes, watch).finish()
    _compare(path.name, "SHA-256", artefact.checksum.value, digest)


def _check_files(listing: Path) -> Beside:
    """Check the files of the storage that lie beside their listing."""
    checked, absent = 0, 0
    for file in _held(listing):
        path = listing.parent / (file.key or "")
        if path.is_file():
            _compare(str(file.key), "SHA-256", file.sha256, _digest(path))
            checked += 1
        else:
            absent += 1
    told = (f"{checked} files of the storage have the SHA-256 of their listing",)
    gone = (f"{absent} files of the storage: they are not beside the dump",)
    return Beside(told if checked else (), gone if absent else ())


def _held(listing: Path) -> Iterator[StorageFile]:
    with listing.open("rb") as lines:
        found = (parse_file(line) for line in lines)
        # a listing may be anybody's: no key of another form becomes a path
        yield from (file for file in found if file_number(file.key or "") is not None)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(name: str, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise IntegrityFailed(f"the {what} of {name} is {found}, and the manifest says {expected}")
