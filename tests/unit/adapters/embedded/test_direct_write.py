"""What writing past the page cache promises, on whatever file system the tests run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from mmap import mmap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.embedded.direct_write import ALIGNMENT, write_direct
from chalicelib.adapters.embedded.disk import write_all


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield an open, empty file."""
    path = tmp_path_factory.mktemp("direct") / "data"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def in_pages(data: bytes) -> memoryview:
    """Return the data in memory that begins with a page."""
    memory = mmap(-1, max(len(data), 1))
    memory.write(data)
    return memoryview(memory)[: len(data)]


@pytest.fixture(scope="module")
def goes_past_the_cache(descriptor: int) -> bool:
    """Tell whether this file system has such writes at all: tmpfs had none for long."""
    return write_direct(descriptor, in_pages(bytes(ALIGNMENT)), 0) == ALIGNMENT


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


def test_whole_pages_go_and_the_rest_is_left(descriptor: int, *, goes_past_the_cache: bool) -> None:
    data = in_pages(os.urandom(2 * ALIGNMENT + 100))
    assert write_direct(descriptor, data, 0) == (2 * ALIGNMENT if goes_past_the_cache else 0)


def test_memory_that_begins_within_a_page_is_refused_not_written(descriptor: int) -> None:
    assert write_direct(descriptor, in_pages(bytes(2 * ALIGNMENT + 8))[8:], 0) == 0


def test_the_file_writes_as_before_afterwards(descriptor: int) -> None:
    write_direct(descriptor, in_pages(bytes(ALIGNMENT)), 0)
    assert os.pwrite(descriptor, b"abc", 1) == 3


def test_a_failure_is_not_taken_for_a_refusal(tmp_path: Path, *, goes_past_the_cache: bool) -> None:
    (tmp_path / "data").touch()
    read_only = os.open(tmp_path / "data", os.O_RDONLY)
    try:
        with (
            pytest.raises(OSError, match="Bad file descriptor")
            if goes_past_the_cache
            else nullcontext()
        ):
            write_direct(read_only, in_pages(bytes(ALIGNMENT)), 0)
    finally:
        os.close(read_only)
