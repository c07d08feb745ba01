"""Keep and read artefacts that are lines of text: listings of what an archive cannot hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.backup import Artefact, Backup
from chalicelib.domain.errors import IntegrityFailed, NotFound
from chalicelib.domain.object_keys import artefact_key
from chalicelib.ports import ObjectStore
from chalicelib.services.artefact_upload import ArtefactUpload


@dataclass(frozen=True)
class Listings:
    """Write and read the listings of attempts."""

    store: ObjectStore

    def keep(self, backup: Backup, name: str, lines: Iterator[str]) -> Artefact:
        """Store the lines as they come; what raises leaves nothing of them."""
        upload = ArtefactUpload(self.store, artefact_key(backup, name), name)
        try:
            for line in lines:
                upload.write(line.encode() + b"\n")
            return upload.finish()
        except BaseException:
            upload.abort()
            raise
        finally:
            upload.close()

    def lines(self, artefact: Artefact) -> Iterator[bytes]:
        """Yield the lines; IntegrityFailed at their end when they are not those that were kept."""
        sha256 = hashlib.sha256()
        rest = b""
        for chunk in self._read(artefact):
            sha256.update(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
        if rest or sha256.hexdigest() != artefact.checksum.value:
            raise IntegrityFailed(f"{artefact.name} does not have the checksum it was stored with")

    def check(self, artefact: Artefact) -> int:
        """Read every line and return their number; IntegrityFailed as `lines`."""
        return sum(1 for _ in self.lines(artefact))

    def _read(self, artefact: Artefact) -> Iterator[bytes]:
        try:
            yield from self.store.read(artefact.key)
        except NotFound as error:
            raise IntegrityFailed(f"{artefact.name} is not in the store any more") from error
