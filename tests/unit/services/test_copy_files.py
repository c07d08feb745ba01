"""Files of a storage on their way into a backup: which come, which are copied, what goes wrong."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import (
    Cancelled,
    Conflict,
    DumpFailed,
    HoldfastError,
    IntegrityFailed,
    NotFound,
    PermissionDenied,
    SourceLost,
)
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.storage_file import StorageFile, StorageObject, paired
from chalicelib.services.copy_files import SMALL_BYTES, FileCopier, Wanted
from chalicelib.services.listings import Listings
from chalicelib.services.verify_files import FileVerifier

LARGE = b"x" * (SMALL_BYTES + 1)


@dataclass
class Shelf:
    """A source of files in memory, which may be told to go wrong at a file, and how often."""

    files: dict[str, bytes]
    troubles: dict[str, list[HoldfastError]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    chunk_bytes: int = 1 << 20

    def read(self, wanted: StorageObject, start: int = 0) -> Iterator[bytes]:
        self.asked.append((wanted.name, start))
        self.before()
        if wanted.name not in self.files:
            raise NotFound("it is gone")
        content = self.files[wanted.name]
        troubles = self.troubles.get(wanted.name, [])
        for at in range(start, len(content), self.chunk_bytes):
            yield content[at : at + self.chunk_bytes]
            if troubles:
                raise troubles.pop(0)


def row(name: str, size_bytes: int | None = None, version: str = "v1") -> StorageObject:
    return StorageObject(bucket="b", name=name, version=version, size_bytes=size_bytes)


def rows_of(shelf: Shelf) -> list[StorageObject]:
    return [row(name, len(content)) for name, content in shelf.files.items()]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store", b"k" * 32, "http://127.0.0.1:1")


@pytest.fixture
def backup() -> Backup:
    return Backup(
        id="01JD0000000000000000000001",
        project_id="01JD0000000000000000000000",
        name="a backup",
        requested_by="key:1",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        attempt=1,
    )


def copied(
    copier: FileCopier, rows: list[StorageObject], before: dict[str, StorageFile] | None = None
) -> list[StorageFile]:
    known = before or {}
    wanted = (Wanted(n, one, known.get(one.name)) for n, one in enumerate(rows, 1))
    return list(copier.copied(wanted, lambda: None))


def content(store: DirectoryStore, backup: Backup, file: StorageFile) -> bytes:
    return b"".join(store.read(artefact_key(backup, file.key or "")))


def test_files_come_in_order_with_their_bytes_and_hashes(
    store: DirectoryStore, backup: Backup
) -> None:
    shelf = Shelf({"a": b"", "b": b"small", "c": LARGE, **{f"n{i}": b"%d" % i for i in range(300)}})

    files = copied(FileCopier(store, shelf, backup), rows_of(shelf))

    assert [file.name for file in files] == list(shelf.files)
    for number, file in enumerate(files, 1):
        assert file.key == f"files/{number}"
        assert content(store, backup, file) == shelf.files[file.name]
        assert file.sha256 == hashlib.sha256(shelf.files[file.name]).hexdigest()


def test_many_are_under_way_at_once(store: DirectoryStore, backup: Backup) -> None:
    together = threading.Barrier(16)
    shelf = Shelf({f"n{i}": b"x" for i in range(16)}, before=lambda: together.wait(timeout=20))

    files = copied(FileCopier(store, shelf, backup), rows_of(shelf))

    assert len(files) == 16


def test_what_an_earlier_backup_has_is_copied_inside_the_store(
    store: DirectoryStore, backup: Backup
) -> None:
    store.put("earlier/7", b"kept", content_type="x")
    before = StorageFile(
        bucket="b", name="a", version="v1", size_bytes=4, sha256="ab", key="earlier/7"
    )
    shelf = Shelf({"a": b"kept"})

    (file,) = copied(FileCopier(store, shelf, backup), rows_of(shelf), {"a": before})

    assert (file.key, file.sha256, file.reused) == ("files/1", "ab", True)
    assert content(store, backup, file) == b"kept"
    assert shelf.asked == []


def test_what_an_earlier_backup_no_longer_has_is_fetched(
    store: DirectoryStore, backup: Backup
) -> None:
    before = StorageFile(bucket="b", name="a", version="v1", size_bytes=4, key="earlier/7")
    shelf = Shelf({"a": b"kept"})

    (file,) = copied(FileCopier(store, shelf, backup), rows_of(shelf), {"a": before})

    assert file.reused is None
    assert content(store, backup, file) == b"kept"


@pytest.mark.parametrize(
    ("files", "wanted", "reason"),
    [
        ({}, row("a", 3), "it is gone"),
        ({"a": b"longer than its row"}, row("a", 3), "its length is not the one of its row"),
        ({"a": b"x"}, row("a", 3), "its length is not the one of its row"),
    ],
)
def test_a_file_that_is_not_the_rows_is_recorded_with_the_reason(
    store: DirectoryStore,
    backup: Backup,
    files: dict[str, bytes],
    wanted: StorageObject,
    reason: str,
) -> None:
    (file,) = copied(FileCopier(store, Shelf(files), backup), [wanted])

    assert (file.missing, file.key) == (reason, None)
    assert list(store.keys("")) == []


def test_a_large_file_that_was_replaced_leaves_nothing_behind(
    store: DirectoryStore, backup: Backup
) -> None:
    shelf = Shelf({"a": LARGE}, {"a": [Conflict("it was replaced after the snapshot")]})

    (file,) = copied(FileCopier(store, shelf, backup), rows_of(shelf))

    assert file.missing == "it was replaced after the snapshot"
    assert list(store.keys("")) == []
    assert list(store.uploads("")) == []


def test_a_file_that_is_gone_fails_the_backup_where_that_is_asked_for(
    store: DirectoryStore, backup: Backup
) -> None:
    with pytest.raises(DumpFailed, match="'a' of bucket 'b': it is gone"):
        copied(FileCopier(store, Shelf({}), backup, fails_when_gone=True), [row("a", 1)])


def test_a_reading_that_breaks_off_goes_on_where_it_was(
    store: DirectoryStore, backup: Backup
) -> None:
    shelf = Shelf({"a": LARGE}, {"a": [SourceLost("cut"), SourceLost("cut")]})

    (file,) = copied(FileCopier(store, shelf, backup), rows_of(shelf))

    assert content(store, backup, file) == LARGE
    assert shelf.asked == [("a", 0), ("a", 1 << 20), ("a", 2 << 20)]


def test_what_does_not_pass_ends_the_copying_at_once(store: DirectoryStore, backup: Backup) -> None:
    shelf = Shelf({"a": LARGE}, {"a": [PermissionDenied("no")]})

    with pytest.raises(PermissionDenied):
        copied(FileCopier(store, shelf, backup), rows_of(shelf))

    assert shelf.asked == [("a", 0)]


class Endless:
    """A source whose one file has no end, a little of it every moment."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.pause = threading.Event()

    def read(self, wanted: StorageObject, start: int = 0) -> Iterator[bytes]:
        del wanted, start
        while not self.pause.wait(0.005):
            self.begun.set()
            yield b"more"


def test_a_cancel_stops_a_large_file_in_the_middle(store: DirectoryStore, backup: Backup) -> None:
    source = Endless()
    wanted = Wanted(1, row("a", 1 << 40))

    def beat() -> None:
        if source.begun.is_set():
            raise Cancelled("the test cancels")

    with pytest.raises(Cancelled, match="the test"):
        list(FileCopier(store, source, backup).copied(iter([wanted]), beat))

    assert list(store.keys("")) == []
    assert list(store.uploads("")) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda store, key: store.delete(key), "not in the store any more"),
        (lambda store, key: _replaced(store, key, b"other"), "checksum"),
        (lambda store, key: _replaced(store, key, b"longer"), "has 6 bytes, not 5"),
    ],
)
def test_files_are_held_to_their_listing(
    store: DirectoryStore,
    backup: Backup,
    damage: Callable[[DirectoryStore, str], None],
    reason: str,
) -> None:
    shelf = Shelf({"a": b"whole"})
    (file,) = copied(FileCopier(store, shelf, backup), rows_of(shelf))
    listing = Listings(store).keep(backup, "storage-files.jsonl", iter([file.line]))
    FileVerifier(store, backup).verify(listing, lambda: None)

    damage(store, artefact_key(backup, "files/1"))

    with pytest.raises(IntegrityFailed, match=reason):
        FileVerifier(store, backup).verify(listing, lambda: None)


def _replaced(store: DirectoryStore, key: str, content: bytes) -> None:
    store.delete(key)
    store.put(key, content, content_type="x")


NAMES = st.sets(st.tuples(st.sampled_from("aäZ"), st.text(max_size=3), st.sampled_from("12")))


@given(NAMES, NAMES)
def test_rows_meet_their_files_whatever_the_names(
    rows: set[tuple[str, str, str]], files: set[tuple[str, str, str]]
) -> None:
    def in_order(found: set[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        return sorted(found, key=lambda one: tuple(part.encode() for part in one))

    objects = [StorageObject(bucket=b, name=n, version=v) for b, n, v in in_order(rows)]
    held = [StorageFile(bucket=b, name=n, version=v, key="k") for b, n, v in in_order(files)]

    met = {(o.bucket, o.name, o.version) for o, file in paired(objects, held) if file is not None}

    assert met == rows & files
