"""A whole archive is read block by block, and nothing but a whole one passes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.block_digest import BlockDigest, LargeObjectSum, object_hash
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.digests import (
    END_MARK,
    ArchiveDigests,
    digest_archive,
    digest_copy_text,
)
from chalicelib.engine.archive.toc import Codec
from tests.support.archives import (
    V14,
    V16,
    Entry,
    Made,
    Writer,
    integer,
    pieces,
    small_archive,
)

ROWS = b"1\tann\n2\t\\N\n3\ttwo\\nlines\n"
WRITERS = [
    Writer(V14),
    Writer(V14, Codec.NONE),
    Writer(V16, located=False),
    Writer(V16, Codec.NONE),
    Writer(V16, Codec.ZSTD),
]


def digests(data: bytes | Made, chunk_bytes: int = 1 << 16) -> ArchiveDigests:
    raw = data.data if isinstance(data, Made) else data
    return digest_archive(pieces(raw, chunk_bytes))


def block(found: ArchiveDigests, dump_id: int) -> BlockDigest:
    return next(one for one in found.blocks if one.dump_id == dump_id)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("chunk_bytes", [1, 3, 50, 1 << 16])
def test_rows_bytes_and_hash_of_a_table_are_those_of_its_copy_text(
    writer: Writer, chunk_bytes: int
) -> None:
    people = block(digests(small_archive(writer), chunk_bytes), 10)

    assert (people.schema_name, people.name) == ("public", "people")
    assert (people.rows, people.raw_bytes) == (3, len(ROWS))
    assert people.sha256 == hashlib.sha256(ROWS).hexdigest()


def test_an_empty_table_has_no_rows_and_the_hash_of_nothing() -> None:
    empty = block(digests(small_archive()), 11)

    assert (empty.rows, empty.raw_bytes) == (0, 0)
    assert empty.sha256 == hashlib.sha256().hexdigest()


@pytest.mark.parametrize("writer", WRITERS)
def test_blocks_are_found_where_they_lie(writer: Writer) -> None:
    made = small_archive(writer)

    found = digests(made).blocks

    assert {one.dump_id: one.offset for one in found} == made.offsets
    assert found[-1].offset + found[-1].stored_bytes == len(made.data)


@pytest.mark.parametrize("writer", WRITERS)
def test_large_objects_are_counted_and_summed(writer: Writer) -> None:
    found = block(digests(small_archive(writer)), 12)

    assert (found.is_large_objects, found.rows, found.raw_bytes) == (True, 2, 250)
    assert found.sha256 == summed({8: b"", 7: b"seven" * 50})


def test_the_id_of_a_large_object_may_have_all_its_bits() -> None:
    negative = -(2**32 - 3_000_000_000)
    made = Writer().archive(
        Entry(12, "BLOBS", "BLOBS", "", large_objects={negative: b"x"}),
    )

    assert digests(made).blocks[0].sha256 == summed({3_000_000_000: b"x"})


def test_insert_statements_have_a_hash_and_no_rows() -> None:
    made = Writer().archive(Entry(columns=None, rows=b"INSERT INTO people VALUES (1);\n"))

    found = digests(made).blocks[0]

    assert (found.rows, found.raw_bytes) == (None, 31 + len(END_MARK))


def test_a_block_of_no_entry_is_padding() -> None:
    made = small_archive()
    padding = b"\x01" + integer(99) + integer(5) + b"zeros" + integer(0)
    objects = b"\x03" + integer(98) + integer(4) + integer(1) + b"x" + integer(0) + integer(0)

    assert digests(made.data + padding + objects).blocks == digests(made).blocks


@pytest.mark.parametrize("writer", WRITERS)
def test_cut_off_anywhere_it_is_integrity_failed(writer: Writer) -> None:
    made = small_archive(writer)

    for cut in range(len(made.data)):
        with pytest.raises(IntegrityFailed):
            digests(made.data[:cut])


@pytest.mark.parametrize("writer", [Writer(V14), Writer(V16, Codec.ZSTD)])
def test_no_flipped_bit_gives_other_rows(writer: Writer) -> None:
    made = writer.archive(Entry(10, rows=ROWS * 9), Entry(11, "other", rows=ROWS))
    whole = rows_read(made.data)
    unnoticed = []

    for place in range(made.toc_bytes, len(made.data)):
        data = bytearray(made.data)
        data[place] ^= 1 << place % 8
        unnoticed += [place] * (rows_read(bytes(data)) not in ([], whole))

    assert (len(whole), unnoticed) == (2, [])


@settings(max_examples=500)
@given(
    st.sampled_from([small_archive(writer) for writer in WRITERS]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_whatever_is_damaged_nothing_but_our_errors_comes(
    made: Made, damage: list[tuple[float, int]]
) -> None:
    data = bytearray(made.data)
    for part, value in damage:
        data[int(part * len(data))] = value

    found = rows_read(bytes(data))

    assert found or damage


@given(st.binary(max_size=200))
def test_random_blocks_are_integrity_failed(tail: bytes) -> None:
    made = small_archive()

    with pytest.raises(IntegrityFailed):
        digests(made.data[: made.toc_bytes] + tail)


def test_two_streams_in_one_block_are_integrity_failed() -> None:
    packed = zlib.compress(b"1\n") + zlib.compress(END_MARK)

    with pytest.raises(IntegrityFailed, match="after the end"):
        list(decoded(Codec.GZIP, iter([packed])))


def test_zstd_frames_may_follow_each_other_with_padding_between() -> None:
    frame = zstandard.ZstdCompressor(write_checksum=True).compress
    padding = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + bytes(5)
    run = pieces(frame(b"1\n") + padding + frame(b"2\n"), 3)

    assert b"".join(decoded(Codec.ZSTD, run)) == b"1\n2\n"


@pytest.mark.parametrize(("window_log", "is_taken"), [(10, True), (27, True), (28, False)])
def test_zstd_windows_are_taken_as_pg_restore_takes_them(
    window_log: int, *, is_taken: bool
) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=window_log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = compressor.compress(b"1\n") + compressor.flush()

    with nullcontext() if is_taken else pytest.raises(IntegrityFailed):
        assert b"".join(decoded(Codec.ZSTD, iter([frame]))) == b"1\n"


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.ZSTD])
def test_what_expands_a_thousandfold_comes_in_bounded_pieces(codec: Codec) -> None:
    raw = bytes(200 << 20)
    run = pieces(Writer(codec=codec).packed(raw), 1 << 16)
    del raw

    sizes = [len(piece) for piece in decoded(codec, run)]

    assert (sum(sizes), max(sizes) <= 64 << 20) == (200 << 20, True)


@given(st.lists(st.sampled_from([b"\n", b"\\.", b"a\tb\n", b"\\.\n\n\n", b""]), max_size=9))
def test_the_text_s_digest_does_not_hang_on_how_it_is_cut(parts: list[bytes]) -> None:
    text = b"".join(parts) + b"\n"

    found = digest_copy_text(iter([*parts, b"\n", END_MARK[:2], END_MARK[2:]]))

    assert (found.rows, found.raw_bytes) == (text.count(b"\n"), len(text))
    assert found.sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("text", [b"", b"1\n", b"1\n\\.\n\n", b"1\\.\n\n\n", b"\\.\n\n\n1\n"])
def test_rows_without_their_end_mark_are_integrity_failed(text: bytes) -> None:
    with pytest.raises(IntegrityFailed, match="end mark"):
        digest_copy_text(iter([text]))


def test_large_objects_sum_up_in_any_order() -> None:
    assert summed({1: b"a", 2: b"b"}) == summed({2: b"b", 1: b"a"}) != summed({1: b"b", 2: b"a"})


def test_a_block_that_lies_elsewhere_than_said_is_integrity_failed() -> None:
    made = small_archive()
    first = Writer().block(Entry(10, rows=ROWS))
    rest = made.data[made.toc_bytes + len(first) :]

    with pytest.raises(IntegrityFailed, match="not where it should be"):
        digests(made.data[: made.toc_bytes] + rest + first)


def test_a_block_that_comes_twice_is_integrity_failed() -> None:
    made = small_archive()

    with pytest.raises(IntegrityFailed, match="too many"):
        digests(made.data + Writer().block(Entry(10, rows=ROWS)))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_copy_of_the_entries_may_follow_the_last_block(writer: Writer) -> None:
    piped = small_archive(replace(writer, located=False))
    made = small_archive(writer)
    listed = made.data[len(writer.header()) : made.toc_bytes]

    assert digests(piped.data + listed).blocks == digests(piped).blocks


@pytest.mark.parametrize("place", [0, 1, 30, -30])
def test_another_end_than_such_a_copy_is_integrity_failed(place: int) -> None:
    made = small_archive()
    listed = bytearray(made.data[len(Writer().header()) : made.toc_bytes])
    listed[place] ^= 1

    for tail in (bytes(listed), bytes(listed[:-1]), bytes([*listed, 0])):
        with pytest.raises(IntegrityFailed):
            digests(made.data + tail)


def rows_read(data: bytes) -> list[tuple[int | None, str]]:
    try:
        return [(one.rows, one.sha256) for one in digests(data).blocks]
    except (IntegrityFailed, Unsupported):
        return []


def summed(objects: dict[int, bytes]) -> str:
    total = LargeObjectSum()
    for oid, data in objects.items():
        sha256 = object_hash(oid)
        sha256.update(data)
        total.add(len(data), sha256.digest())
    return total.sha256


def test_one_read_serves_several_readers() -> None:
    made = small_archive()
    passed_on: list[bytes] = []

    def passing() -> Iterator[bytes]:
        for chunk in made.chunks():
            passed_on.append(chunk)
            yield chunk

    digest_archive(passing())

    assert b"".join(passed_on) == made.data
