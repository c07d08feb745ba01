"""Look inside a completed backup without restoring it, by ranges of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.backup import Backup, Format
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.domain.manifest import Manifest
from chalicelib.ports import ObjectStore
from chalicelib.postgres_ports import Engine, Watch
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
        return self.engine.contents(self._ranges(manifest), manifest.blocks, self.watch)

    def rows(self, backup: Backup, wanted: RowsWanted) -> TableRows:
        """Show the first rows of one table."""
        manifest = self._manifest(backup)
        return self.engine.rows(self._ranges(manifest), manifest.blocks, wanted, self.watch)

    def _manifest(self, backup: Backup) -> Manifest:
        require_custom(backup.format)
        return self.seal.manifest(backup)

    def _ranges(self, manifest: Manifest) -> _StoredRanges:
        main = manifest.main
        stored_bytes = self.store.head(main.key).size_bytes
        if stored_bytes != main.stored_bytes:
            raise IntegrityFailed(
                f"{main.name} has {stored_bytes} bytes, and the manifest says {main.stored_bytes}"
            )
        return _StoredRanges(self.store, main.key, stored_bytes)


def require_custom(file_format: Format | None) -> None:
    """Refuse with Unsupported a dump that has no table of contents."""
    if file_format is not Format.CUSTOM:
        raise Unsupported(
            "a plain dump has no table of contents to look into",
            hint="Make backups of format custom, or search the script itself.",
        )
