"""Bring a stream of unknown length into the object store, hashing it on the way."""

from __future__ import annotations

import hashlib
from typing import Final

from chalicelib.domain.backup import Artefact, Checksum
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.parts import part_bytes
from chalicelib.ports import ObjectStore, Part, Upload

CONTENT_TYPE: Final = "application/octet-stream"


class ArtefactUpload:
    """Be the sink of one artefact: parts go out as they fill, the hash runs along.

    Memory is one part. The owner calls `finish` or `abort`; only `finish` makes the object appear.
    """

    def __init__(self, store: ObjectStore, key: str, name: str) -> None:
        """Open the upload at once, so that a store that refuses does so before a dump begins."""
        self._store = store
        self._name = name
        self._upload: Upload = store.begin(key, content_type=CONTENT_TYPE)
        self._parts: list[Part] = []
        self._buffer = bytearray()
        self._part_bytes = self._next_part_bytes()
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take a chunk; send a part whenever one is full."""
        self._hash.update(data)
        self.size_bytes += len(data)
        self._buffer += data
        while len(self._buffer) >= self._part_bytes:
            self._send(self._part_bytes)

    def finish(self) -> Artefact:
        """Complete the object, confirm its size with the store, describe it."""
        if self._buffer or not self._parts:
            self._send(len(self._buffer))
        self._store.complete(self._upload, self._parts, size_bytes=self.size_bytes)
        stored = self._store.head(self._upload.key)
        if stored.size_bytes != self.size_bytes:
            raise IntegrityFailed(
                f"{self._name} has {stored.size_bytes} bytes in the store, not {self.size_bytes}"
            )
        return Artefact(
            name=self._name,
            key=self._upload.key,
            stored_bytes=self.size_bytes,
            checksum=Checksum(value=self._hash.hexdigest()),
        )

    def abort(self) -> None:
        """Drop everything that was sent."""
        self._store.abort(self._upload)

    def _send(self, size_bytes: int) -> None:
        with memoryview(self._buffer) as view:
            data = bytes(view[:size_bytes])
        del self._buffer[:size_bytes]
        self._parts.append(self._store.upload_part(self._upload, len(self._parts) + 1, data))
        self._part_bytes = self._next_part_bytes()

    def _next_part_bytes(self) -> int:
        return part_bytes(len(self._parts) + 1, self._store.limits.max_parts)
