"""Promises of bringing a stream into the store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.domain.errors import Conflict, StorageFailed
from chalicelib.domain.parts import BASE_PART_BYTES
from chalicelib.ports import ObjectStore, PartLimits
from chalicelib.services import attempt_objects
from chalicelib.services.artefact_upload import ArtefactUpload

SMALL = PartLimits(min_part_bytes=1, max_part_bytes=64 << 20, max_parts=1_000_000)


def store_in(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder, b"k" * 32, "http://127.0.0.1:1", limits=SMALL)


def uploaded(store: ObjectStore, chunks: list[bytes], key: str) -> bytes:
    upload = ArtefactUpload(store, key, "database.dump")
    for chunk in chunks:
        upload.write(chunk)
    artefact = upload.finish()
    stored = b"".join(store.read(key))
    assert artefact.checksum.value == hashlib.sha256(stored).hexdigest()
    assert artefact.stored_bytes == len(stored)
    return stored


SIZES = st.lists(
    st.sampled_from([0, 1, 7, 1 << 16, BASE_PART_BYTES - 1, BASE_PART_BYTES, BASE_PART_BYTES + 1]),
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(sizes=SIZES)
def test_any_chunking_arrives_whole_and_in_order(sizes: list[int]) -> None:
    chunks = [bytes([number + 1]) * size for number, size in enumerate(sizes)]

    with TemporaryDirectory() as folder:
        assert uploaded(store_in(Path(folder)), chunks, "k") == b"".join(chunks)


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload = ArtefactUpload(store, "k", "database.dump")
    upload.write(b"x" * (BASE_PART_BYTES * 2))

    assert list(store.keys("")) == []


def test_an_aborted_upload_leaves_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    upload = ArtefactUpload(store, "k", "database.dump")
    upload.write(b"x" * (BASE_PART_BYTES * 2))

    upload.abort()

    assert (list(store.keys("")), list(store.uploads(""))) == ([], [])


def test_an_object_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    uploaded(store, [b"first"], "k")

    with pytest.raises(Conflict):
        uploaded(store, [b"second"], "k")

    assert b"".join(store.read("k")) == b"first"


def test_clearing_an_attempt_touches_no_other(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for attempt in (1, 2, 10):
        store.put(f"p/b/{attempt}/x", b"x", content_type="x")
        store.begin(f"p/b/{attempt}/y", content_type="x")

    attempt_objects.clear(store, "p/b/1/")

    left = [*store.keys(""), *(upload.key for upload in store.uploads(""))]
    assert sorted(left) == ["p/b/10/x", "p/b/10/y", "p/b/2/x", "p/b/2/y"]


class _Stubborn:
    """A store that lists an object it never deletes."""

    def uploads(self, prefix: str) -> list[object]:
        return []

    def keys(self, prefix: str) -> list[str]:
        return [prefix + "x"]

    def delete(self, key: str) -> None:
        """Do nothing."""


def test_objects_that_stay_are_an_error_and_not_a_shrug() -> None:
    with pytest.raises(StorageFailed):
        attempt_objects.clear(_Stubborn(), "p/")  # type: ignore[arg-type]
