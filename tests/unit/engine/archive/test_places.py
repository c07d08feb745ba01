"""Blocks have the places that are known of them, and no others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import DeadlineExceeded
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.copy_text import MAX_VALUE_BYTES, rows
from chalicelib.engine.archive.digests import digest_archive
from chalicelib.engine.archive.places import Place, places_of
from chalicelib.engine.archive.ranges import FIRST_WINDOW_BYTES, LAST_WINDOW_BYTES, Windows
from chalicelib.engine.archive.toc import Toc
from chalicelib.engine.archive.toc_reader import read_toc
from tests.support.archives import Entry, Made, Writer, small_archive


class Asked:
    """A source of zeros that remembers which ranges it was asked for."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.ranges: list[tuple[int, int]] = []

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self.ranges.append((start, end))
        yield bytes(end - start)


def toc_of(made: Made) -> Toc:
    return read_toc(ByteStream(iter([made.data])))


def test_offsets_give_places_up_to_the_next_block() -> None:
    made = small_archive()

    places = places_of(toc_of(made), len(made.data), ())

    assert places[10] == Place(made.offsets[10], made.offsets[11] - made.offsets[10])
    assert places[12].end == len(made.data)


def test_a_full_read_gives_places_with_rows() -> None:
    made = small_archive(Writer(located=False))

    places = places_of(toc_of(made), len(made.data), digest_archive(made.chunks()).blocks)

    assert {dump_id: place.offset for dump_id, place in places.items()} == made.offsets
    assert (places[10].rows, places[11].rows, places[12].raw_bytes) == (3, 0, 250)


def test_a_dump_into_a_pipe_gives_no_places() -> None:
    made = small_archive(Writer(located=False))

    assert places_of(toc_of(made), len(made.data), ()) == {}


def test_one_offset_that_is_missing_makes_the_others_no_ends() -> None:
    made = Writer().archive(Entry(10, rows=b"1\ta\n", state=1), Entry(11, "other", rows=b"2\tb\n"))

    assert places_of(toc_of(made), len(made.data), ()) == {}


def test_windows_grow_up_to_a_limit_and_follow_each_other() -> None:
    source = Asked(40 << 20)

    total = sum(map(len, Windows(source, lambda: None).between(5, source.size_bytes)))

    sizes = [end - start for start, end in source.ranges]
    assert (sizes[0], max(sizes)) == (FIRST_WINDOW_BYTES, LAST_WINDOW_BYTES)
    assert [start for start, _ in source.ranges[1:]] == [end for _, end in source.ranges[:-1]]
    assert total == source.size_bytes - 5


def test_a_range_is_asked_for_only_when_it_is_needed() -> None:
    source = Asked(40 << 20)
    chunks = Windows(source, lambda: None).between(0, source.size_bytes)

    next(chunks)

    assert source.ranges == [(0, FIRST_WINDOW_BYTES)]


def test_the_watch_ends_a_long_read() -> None:
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) > 3:
            raise DeadlineExceeded("the job took longer than it may")

    with pytest.raises(DeadlineExceeded):
        list(Windows(Asked(1 << 30), beat).between(0, 1 << 30))


def test_a_row_of_a_hundred_megabytes_takes_the_memory_of_its_pieces() -> None:
    piece = b"x" * (1 << 20)
    text = (part for part in [*[piece] * 100, b"\tshort\n", b"\\.\n\n\n"])
    tracemalloc.start()

    found = list(rows(text, 2, "utf-8"))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found[0].values, found[0].cut) == (("x" * MAX_VALUE_BYTES, "short"), 1)
    assert peak < 8 << 20
