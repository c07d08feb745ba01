"""Read a stored artefact back in full: size, checksum, and every byte through its reader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.domain.backup import Artefact, Compression, Format
from chalicelib.domain.errors import IntegrityFailed, Internal, NotFound
from chalicelib.domain.object_keys import MAIN
from chalicelib.ports import ObjectStore
from chalicelib.postgres_ports import ArchiveReport, Engine, Watch


@dataclass
class _Hashed:
    """Pass chunks on while their hash and length add up."""

    chunks: Iterator[bytes]
    size_bytes: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.sha256.update(chunk)
            self.size_bytes += len(chunk)
            yield chunk


@dataclass(frozen=True)
class ArchiveVerifier:
    """Hold a stored artefact to its description."""

    store: ObjectStore
    engine: Engine

    def verify(
        self, artefact: Artefact, layout: tuple[Format, Compression], watch: Watch
    ) -> ArchiveReport:
        """Read an artefact back from the store and through pg_restore or its decoder.

        One pass: the bytes that are hashed are the bytes that are read. IntegrityFailed when
        anything differs.
        """
        file_format, compression = layout
        if not artefact.name.startswith(MAIN):
            # whatever the main dump is written as, archives beside it are custom
            file_format = Format.CUSTOM
        hashed = _Hashed(self._bytes_of(artefact))
        try:
            report = self.engine.check(file_format, compression, iter(hashed), watch)
        except Internal:
            # a client may break down over damage (pg_restore does, over one flipped bit in a table
            # of contents): then the checksum is what tells it from trouble of this machine
            _require_same(artefact, hashed, watch)
            raise
        _require_same(artefact, hashed, watch)
        return report

    def _bytes_of(self, artefact: Artefact) -> Iterator[bytes]:
        # What a record names must be there: its absence is damage, not a wrong question.
        try:
            yield from self.store.read(artefact.key)
        except NotFound as error:
            raise IntegrityFailed(f"{artefact.name} is not in the store any more") from error


def _require_same(artefact: Artefact, hashed: _Hashed, watch: Watch) -> None:
    for _ in hashed:
        # a reader may stop at the archive's end; whatever follows it belongs to the file
        watch.check()
    if hashed.size_bytes != artefact.stored_bytes:
        raise IntegrityFailed(
            f"{artefact.name} has {hashed.size_bytes} bytes, not {artefact.stored_bytes}"
        )
    if hashed.sha256.hexdigest() != artefact.checksum.value:
        raise IntegrityFailed(f"{artefact.name} does not have the checksum it was stored with")
