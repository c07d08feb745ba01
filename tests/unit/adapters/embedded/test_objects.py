"""What a store in a directory promises beyond its port."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.adapters.embedded.objects import LIMITS, DirectoryStore
from chalicelib.domain.errors import Conflict, IntegrityFailed, NotFound, StorageFailed
from chalicelib.ports import Part, PartLimits, Upload

Crash = Callable[[str, int], bool]
TINY = PartLimits(min_part_bytes=1, max_part_bytes=4 << 20, max_parts=100)
NOW = datetime(2026, 1, 2, tzinfo=UTC)

CRASHING = """
from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.ports import (PartLimits)
limits = PartLimits(min_part_bytes=1, max_part_bytes=100, max_parts=100)
store = DirectoryStore(folder, b"key", "http://localhost", limits=limits)
"""
UPLOAD_IN_ORDER = """
def run():
    upload = store.begin("p/b/x", content_type="x")
    parts = [store.upload_part(upload, n, b"%d" % n * 8) for n in (1, 2)]
    store.complete(upload, parts, size_bytes=16)
"""
UPLOAD_OUT_OF_ORDER = UPLOAD_IN_ORDER.replace("(1, 2)", "(2, 1)")
PUT = """
def run():
    store.put("p/b/x", b"1" * 8 + b"2" * 8, content_type="x")
"""
DELETE = """
store.put("p/b/x", b"1" * 8 + b"2" * 8, content_type="x")
def run():
    store.delete("p/b/x")
"""
STEPS_AT_MOST = 60


def store_in(folder: Path, limits: PartLimits = TINY) -> DirectoryStore:
    return DirectoryStore(folder, b"key", "http://localhost", limits=limits)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def upload_with(store: DirectoryStore, *pieces: bytes) -> tuple[Upload, list[Part]]:
    upload = store.begin("p/x", content_type="x")
    return upload, [store.upload_part(upload, n, data) for n, data in enumerate(pieces, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", [UPLOAD_IN_ORDER, UPLOAD_OUT_OF_ORDER, PUT, DELETE], ids=["asc", "desc", "put", "del"]
)
def test_a_crash_at_any_step_leaves_the_whole_object_or_none(
    tmp_path: Path, crash: Crash, body: str
) -> None:
    store = store_in(tmp_path)
    step = 0

    while crash(CRASHING + body, step):
        for key in list(store.keys("")):
            assert b"".join(store.read(key)) == b"1" * 8 + b"2" * 8
            store.delete(key)
        for upload in list(store.uploads("p/")):
            store.abort(upload)
        assert files_below(tmp_path) == []
        step += 1

    assert 1 < step < STEPS_AT_MOST


@pytest.mark.slow
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_completion_that_crashed_can_be_repeated(
    tmp_path: Path, crash: Crash, order: tuple[int, int]
) -> None:
    store = store_in(tmp_path)
    step = 0
    died = True

    while died:
        upload = store.begin("p/x", content_type="x")
        parts = [store.upload_part(upload, n, b"%d" % n * 8) for n in order]
        died = crash(f"{CRASHING}\n{completing(upload, parts)}", step)
        assert store.complete(upload, parts, size_bytes=16).size_bytes == 16
        assert b"".join(store.read("p/x")) == b"1" * 8 + b"2" * 8
        assert list(store.uploads("")) == []
        store.delete("p/x")
        step += 1

    assert step > 3


def completing(upload: Upload, parts: list[Part]) -> str:
    return (
        "from chalicelib.ports import Part, Upload\n"
        f"def run():\n    store.complete({upload!r}, {parts!r}, size_bytes=16)\n"
    )


def linked_but_not_dropped(tmp_path: Path, store: DirectoryStore) -> tuple[Upload, list[Part]]:
    """Leave what a crash right after the link leaves."""
    upload, parts = upload_with(store, b"aaaa")
    data = tmp_path / "uploads" / "p" / "x" / f"@{upload.upload_id}" / "data"
    (tmp_path / "objects" / "p").mkdir(parents=True)
    (tmp_path / "objects" / "p" / "x").hardlink_to(data)
    return upload, parts


def test_a_late_part_cannot_touch_the_object(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, _ = linked_but_not_dropped(tmp_path, store)

    with pytest.raises(NotFound):
        store.upload_part(upload, 2, b"bbbb")

    assert b"".join(store.read("p/x")) == b"aaaa"


def test_a_part_that_waited_for_the_completion_cannot_touch_the_object(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, _ = linked_but_not_dropped(tmp_path, store)
    (data,) = (tmp_path / "uploads").rglob("data")

    with ThreadPoolExecutor(1) as pool:
        with locked(data):
            waiting = pool.submit(store.upload_part, upload, 2, b"bbbb")
            assert is_open_twice(data)
            data.unlink()
        with pytest.raises(NotFound):
            waiting.result(10)

    assert b"".join(store.read("p/x")) == b"aaaa"


def is_open_twice(path: Path) -> bool:
    """Wait until this process has the file open twice: the holder's lock and the waiting one."""
    pause, deadline = Event(), time.monotonic() + 10
    while time.monotonic() < deadline:
        targets = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        if targets.count(str(path.resolve())) == 2:
            return True
        pause.wait(0.005)
    return False


def test_a_linked_upload_does_not_complete_with_other_parts(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, parts = upload_with(store, b"aaaa", b"bbbb")
    data = tmp_path / "uploads" / "p" / "x" / f"@{upload.upload_id}" / "data"
    (tmp_path / "objects" / "p").mkdir(parents=True)
    (tmp_path / "objects" / "p" / "x").hardlink_to(data)

    with pytest.raises(Conflict):
        store.complete(upload, parts[:1], size_bytes=4)


def test_ordered_parts_are_not_copied(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, parts = upload_with(store, b"aaaa", b"bbbb")
    (data,) = (tmp_path / "uploads").rglob("data")
    before = data.stat().st_ino

    store.complete(upload, parts, size_bytes=8)

    assert (tmp_path / "objects" / "p" / "x").stat().st_ino == before


def test_bytes_without_a_record_are_written_over(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, parts = upload_with(store, b"aaaa")
    (data,) = (tmp_path / "uploads").rglob("data")
    (index,) = (tmp_path / "uploads").rglob("index")
    data.write_bytes(b"aaaa" + b"torn" * 3)
    index.write_bytes(index.read_bytes() + b"torn")

    parts.append(store.upload_part(upload, 2, b"bbbb"))
    store.complete(upload, parts, size_bytes=8)

    assert b"".join(store.read("p/x")) == b"aaaabbbb"


def test_a_data_file_shorter_than_its_index_fails(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, parts = upload_with(store, b"aaaa", b"bbbb")
    (data,) = (tmp_path / "uploads").rglob("data")
    data.write_bytes(b"aaaab")

    with pytest.raises(StorageFailed, match="disk reported an error"):
        store.complete(upload, parts, size_bytes=8)

    assert list(store.keys("")) == []


def test_chunks_have_at_most_a_mebibyte(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.put("x", bytes(5 << 19), content_type="x")

    assert [len(chunk) for chunk in store.read("x")] == [1 << 20, 1 << 20, 1 << 19]


def test_the_limits_are_those_of_s3_with_room_for_more_parts(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, b"key", "http://localhost")

    assert store.limits == LIMITS == PartLimits(5 * 1024**2, 5 * 1024**3, 1_000_000)


def test_nothing_is_readable_by_others(tmp_path: Path) -> None:
    store = store_in(tmp_path / "root")
    store.put("a/b", b"x", content_type="x")
    upload_with(store, b"x")

    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "root").rglob("*")}

    assert modes == {0}


def test_deleting_prunes_empty_folders(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.put("a/b/c/d", b"x", content_type="x")

    store.delete("a/b/c/d")

    assert list((tmp_path / "objects").iterdir()) == []


@pytest.mark.parametrize("key", ["a/b/c", "a"])
def test_a_key_below_or_above_another_is_a_conflict(tmp_path: Path, key: str) -> None:
    store = store_in(tmp_path)
    store.put("a/b", b"first", content_type="x")

    with pytest.raises(Conflict):
        store.put(key, b"later", content_type="x")

    assert list(store.keys("")) == ["a/b"]


def test_a_full_disk_fails_and_keeps_what_was_there(small_disk: Path) -> None:
    store = store_in(small_disk)
    store.put("kept", b"kept", content_type="x")
    upload, parts = upload_with(store, bytes(300_000))

    with pytest.raises(StorageFailed, match="the disk is full") as caught:
        store.upload_part(upload, 2, bytes(2 << 20))

    assert "Free space" in caught.value.hint
    assert b"".join(store.read("kept")) == b"kept"
    assert store.complete(upload, parts, size_bytes=300_000).size_bytes == 300_000


def test_a_full_disk_leaves_no_half_assembled_object(small_disk: Path) -> None:
    store = store_in(small_disk)
    upload = store.begin("p/x", content_type="x")
    parts = [store.upload_part(upload, n, bytes(300_000)) for n in (2, 1)]

    with pytest.raises(StorageFailed, match="the disk is full"):
        store.complete(upload, parts, size_bytes=600_000)
    store.abort(upload)

    assert files_below(small_disk) == []


def test_a_wrong_total_is_refused_before_anything_is_linked(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload, parts = upload_with(store, b"aaaa")

    with pytest.raises(IntegrityFailed):
        store.complete(upload, parts, size_bytes=5)

    assert not (tmp_path / "objects").exists()


def test_a_presigned_url_lives_a_quarter_of_an_hour_at_most(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    latest = int((NOW + timedelta(minutes=15)).timestamp())

    url = store.presign("a/b", filename="b", lifetime=timedelta(days=9), now=NOW)

    assert url.startswith(f"http://localhost/objects/a/b?expires={latest}&filename=b&signature=")
