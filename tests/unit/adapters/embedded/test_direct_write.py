"""What writing past the page cache promises, where the file system of the tests has such writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.embedded.direct_write import ALIGNMENT, write_direct
from chalicelib.adapters.embedded.disk import write_all

NOT_TESTED: Final = "NOT TESTED: the file system of the tests takes no write past its cache"


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield an open, empty file that can be written past the cache: tmpfs had none for long."""
    path = tmp_path_factory.mktemp("direct") / "data"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        if write_direct(fd, in_pages(bytes(ALIGNMENT)), 0) != ALIGNMENT:
            pytest.skip(NOT_TESTED)
        yield fd
    finally:
        os.close(fd)


def in_pages(data: bytes) -> memoryview:
    """Return the data in memory that begins with a page."""
    memory = mmap(-1, max(len(data), 1))
    memory.write(data)
    return memoryview(memory)[: len(data)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    size=st.one_of(st.integers(0, 4 * ALIGNMENT), st.integers(0, 4).map(ALIGNMENT.__mul__)),
    offset=st.one_of(st.integers(0, 4 * ALIGNMENT), st.integers(0, 4).map(ALIGNMENT.__mul__)),
    is_paged=st.booleans(),
)
def test_what_is_left_over_is_exactly_what_was_not_written(
    descriptor: int, size: int, offset: int, *, is_paged: bool
) -> None:
    os.ftruncate(descriptor, 0)
    data = os.urandom(size)
    lent = in_pages(data) if is_paged else data

    written = write_direct(descriptor, lent, offset)
    write_all(descriptor, data[written:], offset + written)

    assert os.pread(descriptor, offset + size + 1, 0) == bytes(offset if size else 0) + data


def test_whole_pages_go_and_the_rest_is_left(descriptor: int) -> None:
    data = in_pages(os.urandom(2 * ALIGNMENT + 100))
    assert write_direct(descriptor, data, 0) == 2 * ALIGNMENT


def test_memory_that_begins_within_a_page_is_written_whole_or_not_at_all(descriptor: int) -> None:
    data = in_pages(os.urandom(2 * ALIGNMENT + 8))[8:]

    written = write_direct(descriptor, data, 0)

    assert written in {0, 2 * ALIGNMENT}  # which one is the file system's to say
    assert os.pread(descriptor, written, 0) == data[:written]


def test_the_file_writes_as_before_afterwards(descriptor: int) -> None:
    write_direct(descriptor, in_pages(bytes(ALIGNMENT)), 0)
    assert os.pwrite(descriptor, b"abc", 1) == 3


@pytest.mark.usefixtures("descriptor")
def test_a_failure_is_not_taken_for_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    read_only = os.open(tmp_path / "data", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            write_direct(read_only, in_pages(bytes(ALIGNMENT)), 0)
    finally:
        os.close(read_only)
