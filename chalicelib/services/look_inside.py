"""Look inside a completed backup without restoring it, by ranges of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.domain.backup import Artefact, Backup, BackupType, Format
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.contents import (
    ArchiveContents,
    FileInside,
    FilesInside,
    PartInside,
    RowsWanted,
    TableRows,
    first_files,
)
from chalicelib.domain.errors import IntegrityFailed, NotFound, Unsupported
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.storage_file import FILES, parse_file
from chalicelib.ports import ObjectStore
from chalicelib.postgres_ports import Engine, Watch
from chalicelib.services.listings import Listings
from chalicelib.services.seal import Seal


@dataclass(frozen=True)
class _StoredRanges:
    """Read ranges of one object."""

    store: ObjectStore
    key: str
    size_bytes: int

    def read(self, start: int, end: int) -> Iterator[bytes]:
        return self.store.read(self.key, start, end)


@dataclass(frozen=True)
class Looker:
    """Read parts of backups.

    The manifest's signature and the size of the dump are checked first; its SHA-256 is not, for
    that would take a full read, which is what verification does.
    """

    store: ObjectStore
    seal: Seal
    engine: Engine
    watch: Watch

    def contents(self, backup: Backup) -> ArchiveContents:
        """List what a backup holds."""
        manifest = self._manifest(backup)
        found = self._inside(manifest.main, manifest.blocks)
        by_name = {artefact.name: artefact for artefact in manifest.artefacts}
        for part in manifest.parts:
            artefact = by_name[part.name]
            inside = PartInside(name=part.name, type=part.type, stored_bytes=artefact.stored_bytes)
            has_rows = part.type is not BackupType.SCHEMA
            found = found.beside(inside, self._inside(artefact, part.blocks) if has_rows else None)
        return found.model_copy(update={"files": self._files(manifest)})

    def rows(self, backup: Backup, wanted: RowsWanted) -> TableRows:
        """Show the first rows of one table, of the dump or else of a part."""
        manifest = self._manifest(backup)
        by_name = {artefact.name: artefact for artefact in manifest.artefacts}
        archives = [(manifest.main, manifest.blocks)]
        archives += [
            (by_name[part.name], part.blocks)
            for part in manifest.parts
            if part.type is not BackupType.SCHEMA
        ]
        for artefact, blocks in archives[:-1]:
            with suppress(NotFound):
                return self._rows(artefact, blocks, wanted)
        # outside the loop: the last NotFound is the answer
        return self._rows(*archives[-1], wanted)

    def _inside(self, artefact: Artefact, blocks: tuple[BlockDigest, ...]) -> ArchiveContents:
        return self.engine.contents(self._ranges(artefact), blocks, self.watch)

    def _rows(
        self, artefact: Artefact, blocks: tuple[BlockDigest, ...], wanted: RowsWanted
    ) -> TableRows:
        return self.engine.rows(self._ranges(artefact), blocks, wanted, self.watch)

    def _files(self, manifest: Manifest) -> FilesInside | None:
        listing = next((one for one in manifest.artefacts if one.name == FILES), None)
        if listing is None or manifest.files is None:
            return None
        lines = Listings(self.store).lines(listing)
        return FilesInside(
            listing=FILES,
            count=manifest.files.files,
            size_bytes=manifest.files.size_bytes,
            missing=manifest.files.missing,
            first=first_files(_file(line) for line in lines),
        )

    def _manifest(self, backup: Backup) -> Manifest:
        require_custom(backup.format)
        return self.seal.manifest(backup)

    def _ranges(self, artefact: Artefact) -> _StoredRanges:
        stored_bytes = self.store.head(artefact.key).size_bytes
        if stored_bytes != artefact.stored_bytes:
            raise IntegrityFailed(
                f"{artefact.name} has {stored_bytes} bytes,"
                f" and the manifest says {artefact.stored_bytes}"
            )
        return _StoredRanges(self.store, artefact.key, stored_bytes)


def _file(line: bytes) -> FileInside:
    file = parse_file(line)
    return FileInside.model_validate(file.model_dump(include=set(FileInside.model_fields)))


def require_custom(file_format: Format | None) -> None:
    """Refuse with Unsupported a dump that has no table of contents."""
    if file_format is not Format.CUSTOM:
        raise Unsupported(
            "a plain dump has no table of contents to look into",
            hint="Make backups of format custom, or search the script itself.",
        )
