"""What a full read of an archive finds in one block: enough to find it again, and to compare it."""

from __future__ import annotations

import hashlib
from typing import Final

from chalicelib.domain.backup import Value

_MODULUS: Final = 1 << 256


class BlockDigest(Value):
    """Describe the block of one entry; `offset` and sizes are bytes of the archive.

    A table's `sha256` and `raw_bytes` are those of its COPY text in archive order, without the end
    mark: what `COPY … TO STDOUT` sends. `rows` is None where the text is not COPY's. For large
    objects `rows` counts the objects and `sha256` is the sum of LargeObjectSum.
    """

    dump_id: int
    schema_name: str
    name: str
    is_large_objects: bool = False
    offset: int
    stored_bytes: int
    raw_bytes: int
    rows: int | None
    sha256: str


class LargeObjectSum:
    """Add up large objects in any order: dumps of two majors list the same ones differently.

    An object counts with the SHA-256 of its id (eight bytes, the highest first) and its bytes,
    read as a number; the sum is taken modulo 2 to the 256.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.objects = 0
        self.raw_bytes = 0
        self._sum = 0

    def add(self, size_bytes: int, digest: bytes) -> None:
        """Count one object; `digest` begins as `object_hash` says."""
        self.objects += 1
        self.raw_bytes += size_bytes
        self._sum = (self._sum + int.from_bytes(digest, "big")) % _MODULUS

    @property
    def sha256(self) -> str:
        """The sum in hex, as long as one SHA-256."""
        return f"{self._sum:064x}"


def object_hash(oid: int) -> hashlib._Hash:
    """Return the hash that a large object's bytes go into."""
    return hashlib.sha256(oid.to_bytes(8, "big"))
