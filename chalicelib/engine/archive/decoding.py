"""Decompress the run of one block in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final, cast

import zstandard
from isal import isal_zlib

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.archive.toc import Codec
from chalicelib.engine.codecs import (
    ZSTD_SLICE_BYTES,
    Decoder,
    DeflateDecoder,
)

MAX_WINDOW_BYTES: Final = 128 << 20
"""The window that pg_restore takes too; only foreign archives of the highest levels need it."""

# the library's own types call its class of errors an error
_DEFLATE_ERROR: Final = cast("type[Exception]", isal_zlib.error)


def decoded(codec: Codec, run: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the raw bytes of a run.

    A run without bytes holds nothing: a large object that is empty. IntegrityFailed for damage,
    for a missing end, and for bytes after the end.
    """
    if codec is Codec.NONE:
        yield from run
        return
    first = next(run, None)
    if first is None:
        return
    decoder = _DECODERS[codec]()
    try:
        for data in chain([first], run):
            yield from decoder.pieces(data)
    except (_DEFLATE_ERROR, zstandard.ZstdError) as error:
        raise IntegrityFailed(f"a block of the archive is damaged ({codec})") from error
    decoder.finish()


class _ZstdFrames:
    """Read zstd frames one after the other: a block made by several workers has several."""

    def __init__(self) -> None:
        self._codec = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        self._frame = self._codec.decompressobj()
        self._is_between = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_SLICE_BYTES):
            yield from self._slice(data[start : start + ZSTD_SLICE_BYTES])

    def finish(self) -> None:
        if not self._is_between:
            raise IntegrityFailed("a block of the archive ends inside its compressed data")

    def _slice(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._frame.decompress(data)
            self._is_between = self._frame.eof
            if not self._is_between:
                return
            data = self._frame.unused_data
            self._frame = self._codec.decompressobj()


_DECODERS: Final[dict[Codec, Callable[[], Decoder]]] = {
    # ISA-L checks Adler-32 as zlib does, and takes a little more than half the time
    Codec.GZIP: lambda: DeflateDecoder(isal_zlib.decompressobj(zlib.MAX_WBITS)),
    Codec.ZSTD: _ZstdFrames,
}
