"""Hold the stored files of a backup to their listing.

A file that was fetched for this backup is read back in full. One that was copied inside the store
was read when it was fetched, and the store vouches for the copy: its length is looked at.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chalicelib.domain.backup import Artefact, Backup
from chalicelib.domain.errors import Cancelled, IntegrityFailed, NotFound
from chalicelib.domain.object_keys import artefact_key, is_listing
from chalicelib.domain.storage_file import FILES, StorageFile, parse_file
from chalicelib.ports import ObjectStore
from chalicelib.services.listings import Listings
from chalicelib.services.side_by_side import Crew, side_by_side


@dataclass(frozen=True)
class FileVerifier:
    """Verify the files of one attempt."""

    store: ObjectStore
    backup: Backup
    stop: threading.Event = field(default_factory=threading.Event)

    def verify(self, listing: Artefact, beat: Callable[[], None]) -> None:
        """Check every file; IntegrityFailed names the first that is not what was kept."""
        files = (parse_file(line) for line in Listings(self.store).lines(listing))
        kept = (file for file in files if file.key is not None)
        # the results are nothing: what matters is what they raise
        deque(side_by_side(self._verify, kept, Crew(beat, self.stop)), maxlen=0)

    def _verify(self, file: StorageFile) -> None:
        try:
            found = self._length(file) if file.reused else self._read(file)
        except NotFound as error:
            raise IntegrityFailed(f"{file.key} is not in the store any more") from error
        if found != file.size_bytes:
            raise IntegrityFailed(f"{file.key} has {found} bytes, not {file.size_bytes}")

    def _length(self, file: StorageFile) -> int:
        return self.store.head(self._key(file)).size_bytes

    def _read(self, file: StorageFile) -> int:
        sha256, size_bytes = hashlib.sha256(), 0
        for chunk in self._chunks(file):
            sha256.update(chunk)
            size_bytes += len(chunk)
        # a wrong length says more than a wrong checksum, and is the caller's to say
        if size_bytes == file.size_bytes and sha256.hexdigest() != file.sha256:
            raise IntegrityFailed(f"{file.key} does not have the checksum it was stored with")
        return size_bytes

    def _chunks(self, file: StorageFile) -> Iterator[bytes]:
        for chunk in self.store.read(self._key(file)):
            if self.stop.is_set():
                raise Cancelled("the reading of files was stopped")
            yield chunk

    def _key(self, file: StorageFile) -> str:
        return artefact_key(self.backup, file.key or "")


def verify_listings(store: ObjectStore, backup: Backup, beat: Callable[[], None]) -> None:
    """Hold every listing to its checksum, and the files to theirs."""
    for listing in backup.artefacts:
        if not is_listing(listing.name):
            continue
        for _ in Listings(store).lines(listing):
            beat()
        if listing.name == FILES:
            FileVerifier(store, backup).verify(listing, beat)
