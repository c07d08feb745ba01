from __future__ import annotations

import hashlib
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cli.hashing_reader import HashingReader
from chalicelib.cli.interruption import Interruption
from chalicelib.cli.progress_view import LineView, SilentView, ViewWatch
from chalicelib.domain.errors import Cancelled


def _reader(chunks: list[bytes], interruption: Interruption | None = None) -> HashingReader:
    watch = ViewWatch(interruption or Interruption(), SilentView())
    return HashingReader(iter(chunks), sum(map(len, chunks)), watch)


@given(chunks=st.lists(st.binary(max_size=100)), read=st.integers(0, 20))
def test_the_hash_is_of_every_byte_however_early_the_reader_stops(
    chunks: list[bytes], read: int
) -> None:
    reader = _reader(chunks)

    taken = list(islice(reader.chunks(), read))

    assert reader.finish() == hashlib.sha256(b"".join(chunks)).hexdigest()
    assert reader.size_bytes == sum(map(len, chunks))
    assert taken == chunks[:read]


def test_reading_is_shown_as_the_phase_verify() -> None:
    lines: list[str] = []
    watch = ViewWatch(Interruption(), LineView(lines.append, every_s=0))

    HashingReader(iter([b"ab", b"cd"]), 4, watch).finish()

    assert lines == ["verify, 2 B, 50%", "verify, 4 B, 100%"]


def test_a_signal_ends_the_reading_between_two_chunks() -> None:
    interruption = Interruption()
    reader = _reader([b"a", b"b", b"c"], interruption)
    next(reader.chunks())

    interruption.asked = True

    with pytest.raises(Cancelled):
        reader.finish()
    assert reader.size_bytes == 2
