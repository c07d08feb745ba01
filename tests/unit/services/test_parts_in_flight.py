"""Promises of sending parts: as many at once as the store likes, no failure lost, memory flat."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.domain.errors import ScratchTooSmall, StorageFailed
from chalicelib.domain.parts import BASE_PART_BYTES, part_bytes
from chalicelib.ports import Part, PartData, PartLimits, Upload
from chalicelib.services.artefact_upload import ArtefactUpload
from chalicelib.services.part_buffers import (
    SPOOL_ABOVE_BYTES,
    Buffers,
    MemoryBuffer,
    ScratchBuffer,
)

DEADLINE_S = 20
TWO_AT_ONCE = PartLimits(1, 1 << 30, 1_000_000, parts_in_flight=2)
FULL_PART = bytes(BASE_PART_BYTES)


class HeldStore(DirectoryStore):
    """A directory whose parts wait until they are let go, and fail where they are told to."""

    def __init__(self, folder: Path, *, fails: int | None = None) -> None:
        super().__init__(folder, b"k" * 32, "http://127.0.0.1:1", limits=TWO_AT_ONCE)
        self.let_go = Event()
        self.failed = Event()
        self.most_at_once = 0
        self._fails = fails
        self._at_once = 0
        self._guard = Lock()

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        self._count(1)
        try:
            if number == self._fails:
                self.failed.set()
                raise StorageFailed("refused")
            assert self.let_go.wait(DEADLINE_S)
            return super().upload_part(upload, number, data)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._guard:
            self._at_once += change
            self.most_at_once = max(self.most_at_once, self._at_once)


class MeetingStore(DirectoryStore):
    """A directory that stores no part before a second one has come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, b"k" * 32, "http://127.0.0.1:1", limits=TWO_AT_ONCE)
        self._both = Barrier(2, timeout=DEADLINE_S)

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        self._both.wait()
        return super().upload_part(upload, number, data)


@pytest.fixture
def free(tmp_path: Path) -> HeldStore:
    store = HeldStore(tmp_path)
    store.let_go.set()
    return store


def left(store: DirectoryStore) -> list[str]:
    return [*store.keys(""), *(upload.key for upload in store.uploads(""))]


def test_two_parts_are_in_flight_at_once(tmp_path: Path) -> None:
    upload = ArtefactUpload(MeetingStore(tmp_path), "k", "database.dump")
    for _ in range(4):
        upload.write(FULL_PART)

    assert upload.finish().stored_bytes == 4 * BASE_PART_BYTES


def test_no_more_parts_are_in_flight_than_the_store_likes(free: HeldStore) -> None:
    upload = ArtefactUpload(free, "k", "database.dump")
    for _ in range(6):
        upload.write(FULL_PART)
    upload.finish()

    assert free.most_at_once <= 2


def test_parts_that_overtake_each_other_arrive_in_order(free: HeldStore) -> None:
    pieces = [bytes([number]) * BASE_PART_BYTES for number in range(5)]
    upload = ArtefactUpload(free, "k", "database.dump")
    for piece in pieces:
        upload.write(piece)

    artefact = upload.finish()

    assert artefact.checksum.value == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert b"".join(free.read("k")) == b"".join(pieces)


def test_a_failure_in_flight_surfaces_at_the_next_write(tmp_path: Path) -> None:
    store = HeldStore(tmp_path, fails=1)
    store.let_go.set()
    upload = ArtefactUpload(store, "k", "database.dump")
    upload.write(FULL_PART)
    assert store.failed.wait(DEADLINE_S)
    upload.close()

    for _ in range(2):
        with pytest.raises(StorageFailed, match="refused"):
            upload.write(b"x")


def test_a_failure_in_flight_surfaces_at_the_end(tmp_path: Path) -> None:
    store = HeldStore(tmp_path, fails=2)
    store.let_go.set()
    upload = ArtefactUpload(store, "k", "database.dump")
    upload.write(FULL_PART)
    upload.write(b"the last part")

    with pytest.raises(StorageFailed, match="refused"):
        upload.finish()

    upload.abort()
    assert left(store) == []


@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_an_abort_waits_for_the_parts_in_flight(free: HeldStore, parts: int) -> None:
    upload = ArtefactUpload(free, "k", "database.dump")
    for _ in range(parts):
        upload.write(FULL_PART)

    upload.abort()

    assert left(free) == []


def test_closing_twice_is_fine(free: HeldStore) -> None:
    upload = ArtefactUpload(free, "k", "database.dump")
    upload.write(FULL_PART)

    upload.close()
    upload.close()

    assert left(free) == ["k"]  # an upload under way, for whoever clears the attempt


# -- where a part gathers


def test_large_parts_gather_on_scratch_and_small_ones_in_memory(tmp_path: Path) -> None:
    small, large = (Buffers(tmp_path).take(SPOOL_ABOVE_BYTES + more) for more in (0, 1))

    assert (type(small), type(large)) == (MemoryBuffer, ScratchBuffer)
    large.close()


def test_no_part_of_a_large_store_is_kept_in_memory_above_the_limit() -> None:
    kinds = {part_bytes(number, 10_000) <= SPOOL_ABOVE_BYTES for number in range(1, 10_001)}

    assert kinds == {True, False}
    assert part_bytes(1, 10_000) <= SPOOL_ABOVE_BYTES < part_bytes(10_000, 10_000)


@pytest.mark.parametrize("part", [7, 1 << 20, SPOOL_ABOVE_BYTES + 1])
def test_a_buffer_gives_back_what_it_took(tmp_path: Path, part: int) -> None:
    buffer = Buffers(tmp_path).take(part)
    for piece in (b"one ", b"", b"two"):
        buffer.write(memoryview(piece))

    content = buffer.content()
    if isinstance(content, bytes | memoryview):
        data = bytes(content)
    else:
        data = os.pread(content.fileno(), 100, 0)

    assert (data, buffer.size_bytes) == (b"one two", 7)
    buffer.close()


def test_scratch_files_have_no_name(tmp_path: Path) -> None:
    buffer = ScratchBuffer(tmp_path)
    buffer.write(memoryview(b"data"))

    assert list(tmp_path.iterdir()) == []
    buffer.close()


def test_parts_from_scratch_become_the_object(tmp_path: Path) -> None:
    # with ten parts at most, the second one is far above the limit already
    limits = PartLimits(1, 1 << 62, 10, parts_in_flight=2)
    store = DirectoryStore(tmp_path / "store", b"k" * 32, "http://127.0.0.1:1", limits=limits)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    upload = ArtefactUpload(store, "k", "database.dump", scratch=scratch)
    data = os.urandom(BASE_PART_BYTES + 1000)

    upload.write(data)
    upload.finish()

    assert b"".join(store.read("k")) == data
    assert list(scratch.iterdir()) == []


def test_scratch_space_that_is_full_says_so(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("NOT TESTED: this system has no /dev/full")
    buffer = FullBuffer(tmp_path)

    with pytest.raises(ScratchTooSmall) as caught:
        buffer.write(memoryview(b"data"))

    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ENOSPC
    buffer.close()


def test_a_scratch_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="scratch"):
        ScratchBuffer(tmp_path / "missing")


def test_parts_of_one_size_share_their_memory() -> None:
    buffers = Buffers(None)
    first = buffers.take(8)
    first.write(memoryview(b"12345678"))
    lent = first.content()
    first.close()

    second = buffers.take(8)
    second.write(memoryview(b"abc"))

    assert bytes(second.content()) == b"abc"  # type: ignore[arg-type] # in memory, so a view
    assert bytes(lent) == b"abc45678"  # type: ignore[arg-type] # the very same memory


def test_two_open_buffers_never_share_memory() -> None:
    buffers = Buffers(None)
    first, second = buffers.take(4), buffers.take(4)
    first.write(memoryview(b"1111"))
    second.write(memoryview(b"2222"))
    first.close()
    first.close()

    third, fourth = buffers.take(4), buffers.take(4)
    third.write(memoryview(b"3333"))
    fourth.write(memoryview(b"4444"))

    contents = [bytes(b.content()) for b in (second, third, fourth)]  # type: ignore[arg-type] # views
    assert contents == [b"2222", b"3333", b"4444"]


class FullBuffer(ScratchBuffer):
    """A scratch buffer on the device that is always full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with Path("/dev/full").open("wb") as device:
            os.dup2(device.fileno(), self._file.fileno())
