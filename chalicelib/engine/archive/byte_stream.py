"""Read a stream of chunks forward: exact sizes, numbers and texts as archives write them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from chalicelib.domain.errors import IntegrityFailed

MAX_TEXT_BYTES: Final = 32 << 20
"""The longest text believed: a definition in the catalogue may be long, a gigabyte is damage."""

_INTEGER: Final = struct.Struct("<BI")
_INTEGER_BYTES: Final = _INTEGER.size
_NO_TEXT: Final = -1


class ByteStream:
    """Take bytes from an iterator of chunks; IntegrityFailed when it ends too early.

    No more than one chunk and what was asked for is held.
    """

    def __init__(self, chunks: Iterator[bytes], position: int = 0) -> None:
        """Begin; `position` is where in the archive the first chunk stands."""
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self._chunk_position = position

    @property
    def position(self) -> int:
        """Where in the archive the next byte stands."""
        return self._chunk_position + self._at

    def take(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes."""
        end = self._at + size_bytes
        if end <= len(self._chunk):
            found = self._chunk[self._at : end]
            self._at = end
            return found
        return b"".join(self.pieces(size_bytes))

    def pieces(self, size_bytes: int) -> Iterator[bytes]:
        """Yield exactly so many bytes, as they come."""
        while size_bytes:
            if self._at == len(self._chunk) and not self._advance():
                raise IntegrityFailed("the archive ends too early")
            piece = self._chunk[self._at : self._at + size_bytes]
            self._at += len(piece)
            size_bytes -= len(piece)
            yield piece

    def at_end(self) -> bool:
        """Tell whether no byte is left."""
        return self._at == len(self._chunk) and not self._advance()

    def peek(self) -> int:
        """Return the next byte as a number and leave it; there must be one, see `at_end`."""
        return self._chunk[self._at]

    def byte(self) -> int:
        """Return one byte as a number."""
        return self.take(1)[0]

    def integer(self) -> int:
        """Return a number: a byte for its sign, then four for its size, the lowest first."""
        sign: int
        size: int
        end = self._at + _INTEGER_BYTES
        if end <= len(self._chunk):
            sign, size = _INTEGER.unpack_from(self._chunk, self._at)
            self._at = end
        else:
            sign, size = _INTEGER.unpack(self.take(_INTEGER_BYTES))
        if sign > 1:
            raise IntegrityFailed("a number in the archive has no sign")
        return -size if sign else size

    def text(self) -> str | None:
        """Return a text, None where none was written.

        Bytes that are no UTF-8 (a dump may be in any encoding) become lone surrogates, so that
        encoding with `surrogateescape` gives them back.
        """
        size_bytes = self.integer()
        if size_bytes == _NO_TEXT:
            return None
        if not 0 <= size_bytes <= MAX_TEXT_BYTES:
            raise IntegrityFailed(f"a text in the archive claims {size_bytes} bytes")
        return self.take(size_bytes).decode("utf-8", "surrogateescape")

    def run(self) -> Iterator[bytes]:
        """Yield the bytes of a run: pieces with their length before each, up to an empty one.

        What is yielded is cut differently from the pieces: an uncompressed archive has a piece for
        each row, and its reader should not have to look at each.
        """
        while True:
            yield from self._whole_pieces()
            size_bytes = self.integer()
            if size_bytes == 0:
                return
            if size_bytes < 0:
                raise IntegrityFailed("a piece of a block claims a negative length")
            yield from self.pieces(size_bytes)

    def _whole_pieces(self) -> Iterator[bytes]:
        # The pieces that lie whole in the chunk at hand. Local names, because this loop is where
        # the time goes: an uncompressed archive comes by here once for each row.
        chunk, at = self._chunk, self._at
        unpack, prefix_bytes = _INTEGER.unpack_from, _INTEGER_BYTES
        end_bytes = len(chunk)
        found: list[bytes] = []
        keep = found.append
        while at + prefix_bytes <= end_bytes:
            sign, size_bytes = unpack(chunk, at)
            start = at + prefix_bytes
            end = start + size_bytes
            if sign or not size_bytes or end > end_bytes:
                break
            keep(chunk[start:end])
            at = end
        self._at = at
        if found:
            yield b"".join(found)

    def _advance(self) -> bool:
        # an empty chunk is no end: adapters may yield one
        for chunk in self._chunks:
            self._chunk_position += len(self._chunk)
            self._chunk, self._at = chunk, 0
            if chunk:
                return True
        return False
