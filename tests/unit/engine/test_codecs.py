"""Every codec gives back what went in, in small memory, and refuses damage."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.backup import Compression
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.codecs import decoded, encoder

PACKED = [Compression.GZIP, Compression.BZIP2, Compression.ZSTD]
SAMPLE = bytes(range(256)) * 5000


def packed(compression: Compression, pieces: list[bytes]) -> bytes:
    codec = encoder(compression)
    return b"".join(codec.compress(piece) for piece in pieces) + codec.flush()


def sliced(data: bytes, size: int = 777) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    st.sampled_from(Compression), st.lists(st.binary(max_size=3000), max_size=8), st.integers(1, 99)
)
def test_any_pieces_come_back(compression: Compression, pieces: list[bytes], size: int) -> None:
    data = packed(compression, pieces)

    assert b"".join(decoded(compression, sliced(data, size))) == b"".join(pieces)


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("cut", [1, 4, 100])
def test_a_missing_end_is_refused(compression: Compression, cut: int) -> None:
    data = packed(compression, [SAMPLE])[:-cut]

    with pytest.raises(IntegrityFailed):
        list(decoded(compression, sliced(data)))


@pytest.mark.parametrize("compression", PACKED)
def test_no_bytes_at_all_are_refused(compression: Compression) -> None:
    with pytest.raises(IntegrityFailed, match="end mark"):
        list(decoded(compression, iter([])))


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("extra", [b"x", b"\0" * 5000])
@pytest.mark.parametrize("size", [777, 1 << 22])
def test_bytes_after_the_end_are_refused(compression: Compression, extra: bytes, size: int) -> None:
    data = packed(compression, [SAMPLE]) + extra

    with pytest.raises(IntegrityFailed):
        list(decoded(compression, sliced(data, size)))


@pytest.mark.parametrize(
    ("compression", "bomb", "limit_bytes"),
    [
        (Compression.GZIP, gzip.compress(bytes(200 << 20)), 1 << 20),
        (Compression.BZIP2, bz2.compress(bytes(100 << 20)), 1 << 20),
        (Compression.ZSTD, zstandard.compress(bytes(200 << 20)), 64 << 20),
    ],
    ids=PACKED,
)
def test_a_small_file_that_holds_much_comes_in_bounded_pieces(
    compression: Compression, bomb: bytes, limit_bytes: int
) -> None:
    largest = max(len(piece) for piece in decoded(compression, iter([bomb])))

    assert largest <= limit_bytes


@pytest.mark.parametrize("compression", PACKED)
def test_other_programs_read_it(compression: Compression) -> None:
    readers: dict[Compression, Callable[[bytes], bytes]] = {
        Compression.GZIP: gzip.decompress,
        Compression.BZIP2: bz2.decompress,
        Compression.ZSTD: lambda data: (
            zstandard.ZstdDecompressor().decompressobj().decompress(data)
        ),
    }

    assert readers[compression](packed(compression, [SAMPLE])) == SAMPLE


def test_zstd_frames_carry_a_checksum() -> None:
    parameters = zstandard.get_frame_parameters(packed(Compression.ZSTD, [SAMPLE]))

    assert parameters.has_checksum
