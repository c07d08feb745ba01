"""Compress and read plain dumps. Every codec but `none` carries a checksum of its content."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import zstandard

from chalicelib.domain.backup import Compression
from chalicelib.domain.errors import IntegrityFailed

FASTEST: Final = 1
GZIP_WINDOW: Final = 31  # zlib's largest window, with gzip's header and CRC
PIECE_BYTES: Final = 1 << 20
ZSTD_SLICE_BYTES: Final = 2048
"""A zstd block of 4 bytes can stand for 128 KiB, so 2 KiB of input give at most 64 MiB at once."""

ZSTD_MAX_WINDOW_BYTES: Final = 64 << 20


class Encoder(Protocol):
    """Compress a stream piece by piece."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take a piece, of which nothing is kept; return what is ready, maybe nothing."""
        ...

    def flush(self) -> bytes:
        """Return the end of the stream."""
        ...


class Decoder(Protocol):
    """Read a compressed stream piece by piece."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data holds, in pieces of bounded size."""
        ...

    def finish(self) -> None:
        """Refuse a stream that did not come to its own end."""
        ...


def encoder(compression: Compression) -> Encoder:
    """Return a fresh encoder at the codec's fastest level."""
    match compression:
        case Compression.GZIP:
            return zlib.compressobj(FASTEST, zlib.DEFLATED, GZIP_WINDOW)
        case Compression.BZIP2:
            return bz2.BZ2Compressor()
        case Compression.ZSTD:
            return zstandard.ZstdCompressor(level=FASTEST, write_checksum=True).compressobj()
        case Compression.NONE:
            return _Identity()


def decoded(compression: Compression, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the raw bytes of a whole stream in bounded memory.

    Raises IntegrityFailed for damage, a missing end, and for bytes after the end.
    """
    reader = _decoder(compression)
    try:
        for chunk in chunks:
            yield from reader.pieces(chunk)
    except (zlib.error, OSError, EOFError, zstandard.ZstdError) as error:
        raise IntegrityFailed(f"the {compression} stream is damaged") from error
    reader.finish()


@dataclass
class _Identity:
    """Pass bytes through."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        return


class Inflater(Protocol):
    """Be what zlib's decompressobj returns, or another library's that behaves the same."""

    @property
    def eof(self) -> bool:
        """Whether the stream came to its own end."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What came behind the end."""
        ...

    @property
    def unconsumed_tail(self) -> bytes:
        """What was not taken because the output was full."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most so many bytes."""
        ...


class DeflateDecoder:
    """Read one stream of deflate."""

    def __init__(self, stream: Inflater) -> None:
        """Begin with a fresh stream."""
        self._stream = stream

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data holds, in pieces of bounded size."""
        _refuse_more(data, ended=self._stream.eof)
        piece = self._stream.decompress(data, PIECE_BYTES)
        yield piece
        # A full piece means that there may be more, even when all input is taken.
        while len(piece) == PIECE_BYTES and not self._stream.eof:
            piece = self._stream.decompress(self._stream.unconsumed_tail, PIECE_BYTES)
            yield piece
        _refuse_more(self._stream.unused_data, ended=True)

    def finish(self) -> None:
        """Refuse a stream that did not come to its own end."""
        _require_end(ended=self._stream.eof)


class _Bzip2Decoder:
    def __init__(self) -> None:
        self._stream = bz2.BZ2Decompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        _refuse_more(data, ended=self._stream.eof)
        yield self._stream.decompress(data, PIECE_BYTES)
        while not self._stream.needs_input and not self._stream.eof:
            yield self._stream.decompress(b"", PIECE_BYTES)
        _refuse_more(self._stream.unused_data, ended=True)

    def finish(self) -> None:
        _require_end(ended=self._stream.eof)


class _ZstdDecoder:
    def __init__(self) -> None:
        codec = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
        self._stream = codec.decompressobj()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_SLICE_BYTES):
            piece = data[start : start + ZSTD_SLICE_BYTES]
            _refuse_more(piece, ended=self._stream.eof)
            yield self._stream.decompress(piece)
            _refuse_more(self._stream.unused_data, ended=True)

    def finish(self) -> None:
        _require_end(ended=self._stream.eof)


def _decoder(compression: Compression) -> Decoder:
    match compression:
        case Compression.GZIP:
            return DeflateDecoder(zlib.decompressobj(GZIP_WINDOW))
        case Compression.BZIP2:
            return _Bzip2Decoder()
        case Compression.ZSTD:
            return _ZstdDecoder()
        case Compression.NONE:
            return _Identity()


def _refuse_more(data: bytes, *, ended: bool) -> None:
    if ended and data:
        raise IntegrityFailed("there are bytes after the end of the stream")


def _require_end(*, ended: bool) -> None:
    if not ended:
        raise IntegrityFailed("the stream ends before its end mark")
