"""An object store that tries again what may pass by itself.

Every call can be repeated: a part replaces itself, a completion settles what it finds, and a read
goes on where it broke off. Two calls leave traces when their answer is lost, and each is looked
after here: a begun upload nobody knows the id of, and an object that was put already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from chalicelib.adapters.aws.retrying_catalog import Patience, RetryPolicy
from chalicelib.domain.errors import Conflict, HoldfastError
from chalicelib.ports import ObjectStore, Part, PartData, StoredObject, Upload

OBJECT_POLICY: Final = RetryPolicy(
    tries=6, first_pause_s=0.2, longest_pause_s=10.0, deadline_s=180.0
)
"""A dump of hours should outlive a trouble of a minute; one call may wait a minute for S3."""


class RetryingObjectStore:
    """Keep the promises of a store through short troubles of the one behind it."""

    def __init__(self, store: ObjectStore, patience: Patience) -> None:
        """Wrap a store."""
        self._store = store
        self.limits = store.limits
        self._patience = patience

    def begin(self, key: str, *, content_type: str) -> Upload:
        """Open an upload; one that was opened by a try whose answer was lost is dropped."""
        tries = 0

        def once() -> Upload:
            nonlocal tries
            tries += 1
            if tries > 1:
                # No key is written by two, so whatever is under way for it is our own loss.
                self._drop_uploads_of(key)
            return self._store.begin(key, content_type=content_type)

        return self._patience.keep_trying(once)

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        """Store a part; the same number again replaces it."""
        return self._patience.keep_trying(lambda: self._store.upload_part(upload, number, data))

    def complete(self, upload: Upload, parts: Sequence[Part], *, size_bytes: int) -> StoredObject:
        """Join the parts; repeating a completion that succeeded returns the object."""
        return self._patience.keep_trying(
            lambda: self._store.complete(upload, parts, size_bytes=size_bytes)
        )

    def abort(self, upload: Upload) -> None:
        """Drop an upload with all its parts."""
        self._patience.keep_trying(lambda: self._store.abort(upload))

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """List the uploads under way; the list is whole before the first is given."""
        yield from self._patience.keep_trying(lambda: list(self._store.uploads(prefix)))

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        """Store a small object; if a lost try of ours was carried out late, it is recognised."""
        tries = 0

        def once() -> StoredObject:
            nonlocal tries
            tries += 1
            try:
                return self._store.put(key, data, content_type=content_type)
            except Conflict:
                if tries == 1 or b"".join(self._store.read(key)) != data:
                    raise
                return StoredObject(key, len(data))

        return self._patience.keep_trying(once)

    def head(self, key: str) -> StoredObject:
        """Describe an object."""
        return self._patience.keep_trying(lambda: self._store.head(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a range; after a failure the reading goes on where it stood.

        A whole that was read in pieces is compared with no checksum of the store any more; who
        reads to verify holds a checksum of its own.
        """
        reading = _Reading(self._store, key, start, end)
        while (chunk := self._patience.keep_trying(reading.next)) is not None:
            yield chunk

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys below a prefix; the list is whole before the first is given."""
        yield from self._patience.keep_trying(lambda: list(self._store.keys(prefix)))

    def copy(self, key: str, new_key: str) -> StoredObject:
        """Copy an object; if a lost try of ours was carried out late, it is recognised."""
        tries = 0

        def once() -> StoredObject:
            nonlocal tries
            tries += 1
            try:
                return self._store.copy(key, new_key)
            except Conflict:
                copied = self._store.head(new_key) if tries > 1 else None
                if copied is None or copied.size_bytes != self._store.head(key).size_bytes:
                    raise
                return copied

        return self._patience.keep_trying(once)

    def delete(self, key: str) -> None:
        """Remove an object; a missing key is fine."""
        self._patience.keep_trying(lambda: self._store.delete(key))

    def presign(self, key: str, *, filename: str, lifetime: timedelta, now: datetime) -> str:
        """Return a URL that serves the object; nothing is sent for it."""
        return self._store.presign(key, filename=filename, lifetime=lifetime, now=now)

    def _drop_uploads_of(self, key: str) -> None:
        for upload in list(self._store.uploads(key)):
            if upload.key == key:
                self._store.abort(upload)


class _Reading:
    """Remember how far a reading came, and open it again from there after a failure."""

    def __init__(self, store: ObjectStore, key: str, start: int, end: int | None) -> None:
        self._store = store
        self._key = key
        self._position = start
        self._end = end
        self._chunks: Iterator[bytes] | None = None

    def next(self) -> bytes | None:
        """Return the next chunk; None at the end."""
        if self._chunks is None:
            self._chunks = self._store.read(self._key, self._position, self._end)
        try:
            chunk = next(self._chunks, None)
        except HoldfastError:
            self._chunks = None
            raise
        self._position += len(chunk or b"")
        return chunk
