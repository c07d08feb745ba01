"""Bring a stream of unknown length into the object store, hashing it on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from chalicelib.domain.backup import Artefact, Checksum
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.parts import part_bytes
from chalicelib.ports import ObjectStore, Upload
from chalicelib.services.part_buffers import Buffers, PartBuffer
from chalicelib.services.parts_in_flight import PartsInFlight

CONTENT_TYPE: Final = "application/octet-stream"


class ArtefactUpload:
    """Be the sink of one artefact: parts go out as they fill, the hash runs along.

    Memory is the part that fills and those in flight, each at most SPOOL_ABOVE_BYTES; larger parts
    take scratch space instead. The owner calls `finish`, `abort` or `close` on every path; only
    `finish` makes the object appear.
    """

    def __init__(
        self, store: ObjectStore, key: str, name: str, *, scratch: Path | None = None
    ) -> None:
        """Open the upload at once, so that a store that refuses does so before a dump begins.

        `scratch` is the folder of large parts; None: the system's folder for temporary files.
        """
        self._store = store
        self._name = name
        self._buffers = Buffers(scratch)
        self._upload: Upload = store.begin(key, content_type=CONTENT_TYPE)
        self._parts = PartsInFlight(store, self._upload)
        self._hash = hashlib.sha256()
        self._part_bytes = 0
        self._buffer = self._next_buffer()
        self.size_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take a chunk; send a part whenever one is full, raise what became of those in flight."""
        self._parts.check()
        self._hash.update(data)
        self.size_bytes += len(data)
        view = memoryview(data)
        while view:
            room = self._part_bytes - self._buffer.size_bytes
            self._buffer.write(view[:room])
            view = view[room:]
            if self._buffer.size_bytes == self._part_bytes:
                self._send()

    def finish(self) -> Artefact:
        """Complete the object, confirm its size with the store, describe it."""
        # S3 completes no upload without parts, so an empty stream is one part of nothing
        if self._buffer.size_bytes or not self._parts.sent:
            self._send()
        parts = self._parts.all_landed()
        self.close()
        self._store.complete(self._upload, parts, size_bytes=self.size_bytes)
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
        """Drop everything that was sent, after the parts in flight: none may land behind it."""
        self.close()
        self._store.abort(self._upload)

    def close(self) -> None:
        """Wait for the parts in flight, give memory and scratch back; safe to call again.

        What was sent stays in the store, for `finish` or for whoever clears the attempt.
        """
        self._parts.close()
        self._buffer.close()
        self._buffers.close()

    def _send(self) -> None:
        self._parts.send(self._buffer)  # which closes it on every path
        self._buffer = self._next_buffer()

    def _next_buffer(self) -> PartBuffer:
        self._part_bytes = part_bytes(self._parts.sent + 1, self._store.limits.max_parts)
        return self._buffers.take(self._part_bytes)
