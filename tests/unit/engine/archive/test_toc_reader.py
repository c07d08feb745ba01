"""Header and table of contents are read exactly, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.toc import Codec, DataState, Section, Toc
from chalicelib.engine.archive.toc_reader import read_toc
from tests.support.archives import V14, V15, V16, Entry, Made, Writer, integer, small_archive

SMALL = small_archive()
HEAD = Writer().header()[:47]
"""What stands before the first text: the mark, version, sizes, codec and time."""

VERSION_BYTES = range(5, 8)
FORMAT_AND_CODEC = (10, 11)
MEANS_ANOTHER_KIND = {*VERSION_BYTES, *FORMAT_AND_CODEC}
"""Where a flipped bit makes an archive of a version, a format or a codec that we do not read."""


def toc_of(data: bytes | Made, chunk_bytes: int = 1 << 16) -> Toc:
    raw = data.data if isinstance(data, Made) else data
    chunks = (raw[at : at + chunk_bytes] for at in range(0, len(raw), chunk_bytes))
    return read_toc(ByteStream(chunks))


@pytest.mark.parametrize(
    ("version", "codec"),
    [*product([V14, V15, V16], [Codec.NONE, Codec.GZIP]), (V15, Codec.ZSTD), (V16, Codec.ZSTD)],
)
def test_the_header_says_version_codec_and_origin(
    version: tuple[int, int, int], codec: Codec
) -> None:
    header = toc_of(small_archive(Writer(version, codec))).header

    assert (header.version, header.codec, header.database) == (version, codec, "shop")
    assert header.created_at == datetime(2026, 3, 1, 12, 5, 30)  # noqa: DTZ001 - as it is written


@pytest.mark.parametrize("version", [V14, V15, V16])
def test_an_entry_is_read_field_by_field(version: tuple[int, int, int]) -> None:
    rows = toc_of(small_archive(Writer(version))).by_id[10]

    assert (rows.tag, rows.descriptor, rows.namespace) == ("people", "TABLE DATA", "public")
    assert (rows.section, rows.owner, rows.oid) == (Section.DATA, "ann", 16384)
    assert (rows.dependencies, rows.access_method) == ((5,), "heap")
    assert rows.relkind == ("r" if version == V16 else "")
    assert rows.copy_statement == "COPY public.people (id, name) FROM stdin;\n"


@pytest.mark.parametrize("chunk_bytes", [1, 2, 13, 1 << 16])
def test_chunks_may_be_cut_anywhere(chunk_bytes: int) -> None:
    assert toc_of(SMALL, chunk_bytes) == toc_of(SMALL)


def test_offsets_and_size_are_where_the_blocks_are() -> None:
    toc = toc_of(SMALL)

    assert {entry.dump_id: entry.offset for entry in toc.with_data} == SMALL.offsets
    assert (toc.size_bytes, toc.is_located) == (SMALL.toc_bytes, True)


def test_a_dump_into_a_pipe_knows_no_offsets() -> None:
    toc = toc_of(small_archive(Writer(located=False)))

    assert {entry.data_state for entry in toc.with_data} == {DataState.NOT_LOCATED}
    assert not toc.is_located


def test_data_states_stand_where_the_toc_says() -> None:
    toc = toc_of(SMALL)

    found = {i: SMALL.data[at + 1 : at + 9] for i, at in toc.state_positions.items() if i > 5}
    assert {i: int.from_bytes(raw, "little") for i, raw in found.items()} == SMALL.offsets


def test_names_in_another_encoding_come_back_as_their_bytes() -> None:
    name = b"M\xe4rz".decode("utf-8", "surrogateescape")

    entry = toc_of(Writer().archive(Entry(tag=name))).entries[0]

    assert entry.tag.encode("utf-8", "surrogateescape") == b"M\xe4rz"


def test_cut_off_anywhere_it_is_integrity_failed() -> None:
    for cut in range(SMALL.toc_bytes):
        with pytest.raises(IntegrityFailed):
            toc_of(SMALL.data[:cut])


@pytest.mark.parametrize("bit", [1, 2, 4, 8, 16, 32, 64, 128])
def test_a_flipped_bit_is_read_or_refused_and_nothing_else(bit: int) -> None:
    unsupported = set()
    for place in range(SMALL.toc_bytes):
        data = bytearray(SMALL.data)
        data[place] ^= bit
        try:
            toc_of(bytes(data))
        except IntegrityFailed:
            continue
        except Unsupported:
            unsupported.add(place)

    assert unsupported <= MEANS_ANOTHER_KIND


@given(st.binary(max_size=300))
def test_random_bytes_behind_the_mark_are_refused_or_read(tail: bytes) -> None:
    start = Writer().header()

    try:
        toc = toc_of(start + tail)
    except IntegrityFailed:
        return
    assert len(toc.entries) == int.from_bytes(tail[1:5], "little")


@given(st.binary(max_size=100))
def test_random_bytes_are_no_archive(data: bytes) -> None:
    with pytest.raises(IntegrityFailed):
        toc_of(data)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(dump_id=0),
        Entry(dump_id=-4),
        Entry(oid="-1"),
        Entry(oid="12_3"),
        Entry(oid="4294967296"),
        Entry(oid="9" * 5000),
        Entry(oid=""),
        Entry(section=0),
        Entry(section=5),
        Entry(has_data=2),
        Entry(has_data=1, state=3),
        Entry(has_data=0, state=2),
        Entry(state=4),
        Entry(dependencies=["x"]),
    ],
)
def test_an_entry_that_cannot_be_is_integrity_failed(entry: Entry) -> None:
    with pytest.raises(IntegrityFailed):
        toc_of(Writer().archive(entry))


def test_two_entries_of_one_id_are_integrity_failed() -> None:
    with pytest.raises(IntegrityFailed, match="two entries"):
        toc_of(Writer().archive(Entry(4), Entry(4)))


@pytest.mark.parametrize("count", [-1, 2, 2**31, 2**32 - 1])
def test_a_wrong_number_of_entries_is_integrity_failed(count: int) -> None:
    with pytest.raises(IntegrityFailed):
        toc_of(Writer().archive(Entry(), count=count))


@pytest.mark.parametrize("claim", [-2, 2**25 + 1, 2**31, 2**32 - 1])
def test_a_text_that_claims_too_much_is_refused_before_it_is_read(claim: int) -> None:
    def chunks() -> Iterator[bytes]:
        yield HEAD + integer(claim)
        raise AssertionError("the claim was believed")

    with pytest.raises(IntegrityFailed, match="claims"):
        read_toc(ByteStream(chunks()))


def test_a_table_of_contents_without_end_is_unsupported_before_it_fills_the_memory() -> None:
    def chunks() -> Iterator[bytes]:
        yield Writer().header() + integer(2**31)
        for dump_id in range(1, 2**31):
            yield Writer().entry(Entry(dump_id, definition="x" * (16 << 20)), 0)

    with pytest.raises(Unsupported, match="longer than"):
        read_toc(ByteStream(chunks()))


@pytest.mark.parametrize("month", [-1, 12, 2**32 - 1])
def test_a_time_that_cannot_be_is_integrity_failed(month: int) -> None:
    with pytest.raises(IntegrityFailed, match="no time"):
        toc_of(Writer(month=month).archive())


@pytest.mark.parametrize(
    ("version", "match"), [((1, 13, 0), r"1\.13"), ((1, 17, 0), r"1\.17"), ((2, 0, 0), r"2\.0")]
)
def test_another_version_is_unsupported(version: tuple[int, int, int], match: str) -> None:
    with pytest.raises(Unsupported, match=match):
        toc_of(Writer(version).archive())


@pytest.mark.parametrize(("place", "value"), [(10, 3), (10, 5), (11, 2)])
def test_another_format_or_lz4_is_unsupported(place: int, value: int) -> None:
    data = bytearray(SMALL.data)
    data[place] = value

    with pytest.raises(Unsupported):
        toc_of(bytes(data))
