"""Read a file in full while it is hashed and its reading is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from chalicelib.cli.progress_view import ViewWatch


class HashingReader:
    """Hand chunks on and hash each of them on the way."""

    def __init__(self, source: Iterator[bytes], total_bytes: int, watch: ViewWatch) -> None:
        """Read from a source of this many bytes."""
        self._source = source
        self._total_bytes = total_bytes
        self._watch = watch
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks that were not read yet."""
        for chunk in self._source:
            self._sha256.update(chunk)
            self.size_bytes += len(chunk)
            self._watch.phase("verify", self.size_bytes, self._total_bytes)
            yield chunk

    def finish(self) -> str:
        """Read what a reader left at the end, if anything, and return the digest of all."""
        # the generator above may have been left half way; the source goes on where it stopped
        for _ in self.chunks():
            pass
        return self._sha256.hexdigest()
