"""Bytes come exactly as asked for, however their chunks are cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.archive.byte_stream import ByteStream
from tests.support.archives import integer, pieces, text

CUTS = st.integers(1, 40)


def stream_of(data: bytes, chunk_bytes: int = 1 << 16, position: int = 0) -> ByteStream:
    return ByteStream(pieces(data, chunk_bytes), position)


def framed(parts: list[bytes]) -> bytes:
    return b"".join(integer(len(part)) + part for part in parts) + integer(0)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=20), CUTS)
def test_a_run_is_the_bytes_of_its_pieces(parts: list[bytes], chunk_bytes: int) -> None:
    stream = stream_of(framed(parts) + b"next", chunk_bytes)

    assert b"".join(stream.run()) == b"".join(parts)
    assert stream.take(4) == b"next"


@given(st.integers(-(2**32) + 1, 2**32 - 1), CUTS)
def test_numbers_come_back(value: int, chunk_bytes: int) -> None:
    assert stream_of(integer(value), chunk_bytes).integer() == value


@given(st.none() | st.text(max_size=50), CUTS)
def test_texts_come_back(value: str | None, chunk_bytes: int) -> None:
    assert stream_of(text(value), chunk_bytes).text() == value


def test_the_position_counts_from_where_the_stream_begins() -> None:
    stream = stream_of(b"abcdefgh", 3, position=100)

    stream.take(4)

    assert stream.position == 104


def test_empty_chunks_are_no_end() -> None:
    stream = ByteStream(iter([b"", b"a", b"", b"b", b""]))

    assert (stream.at_end(), stream.take(2), stream.at_end()) == (False, b"ab", True)


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.take(4),
        lambda stream: stream.integer(),
        lambda stream: stream.text(),
        lambda stream: list(stream.run()),
    ],
)
def test_an_early_end_is_integrity_failed(read: Callable[[ByteStream], object]) -> None:
    with pytest.raises(IntegrityFailed, match="too early"):
        read(stream_of(b"\0\2\0"))


@pytest.mark.parametrize("sign", [2, 128, 255])
def test_a_number_without_a_sign_is_integrity_failed(sign: int) -> None:
    with pytest.raises(IntegrityFailed, match="sign"):
        stream_of(bytes([sign, 0, 0, 0, 0])).integer()


def test_a_piece_of_negative_length_is_integrity_failed() -> None:
    with pytest.raises(IntegrityFailed, match="negative"):
        list(stream_of(integer(2) + b"ab" + integer(-7)).run())


def test_a_piece_that_claims_gigabytes_is_taken_as_it_comes() -> None:
    stream = stream_of(integer(2**32 - 1) + b"x" * 1000, 100)
    taken = stream.run()

    sizes = [len(next(taken)) for _ in range(10)]

    assert max(sizes) <= 100
