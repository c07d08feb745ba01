"""What every object store promises of copies that it makes inside itself."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound
from chalicelib.ports import ObjectStore, StoredObject

OLD = "projects/P/backups/A/1/files/1"
NEW = "projects/P/backups/B/1/files/17"
ANY = "application/octet-stream"


def content(store: ObjectStore, key: str) -> bytes:
    return b"".join(store.read(key))


def put(store: ObjectStore, key: str, data: bytes) -> None:
    store.put(key, data, content_type=ANY)


@pytest.mark.parametrize("data", [b"", b"0123456789" * 6])
def test_a_copy_has_the_bytes_of_its_original(store: ObjectStore, data: bytes) -> None:
    put(store, OLD, data)

    made = store.copy(OLD, NEW)

    assert made == store.head(NEW) == StoredObject(NEW, len(data))
    assert content(store, NEW) == content(store, OLD) == data


def test_a_copy_of_an_object_of_parts_has_its_bytes(store: ObjectStore) -> None:
    upload = store.begin(OLD, content_type=ANY)
    first = b"a" * store.limits.min_part_bytes
    parts = [store.upload_part(upload, 1, first), store.upload_part(upload, 2, b"end")]
    store.complete(upload, parts, size_bytes=len(first) + 3)

    store.copy(OLD, NEW)

    assert content(store, NEW) == first + b"end"


@pytest.mark.parametrize("deleted", [OLD, NEW])
def test_neither_needs_the_other(store: ObjectStore, deleted: str) -> None:
    put(store, OLD, b"data")
    store.copy(OLD, NEW)

    store.delete(deleted)

    (left,) = store.keys("")
    assert left != deleted
    assert content(store, left) == b"data"


def test_a_copy_of_what_is_not_there_is_refused(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        store.copy(OLD, NEW)

    assert list(store.keys("")) == []


def test_a_copy_replaces_nothing(store: ObjectStore) -> None:
    put(store, OLD, b"old")
    put(store, NEW, b"new")

    with pytest.raises(Conflict):
        store.copy(OLD, NEW)

    assert content(store, NEW) == b"new"


@pytest.mark.parametrize("key", ["", "../x", "a//b", "a\nb"])
def test_a_key_that_cannot_be_is_refused_on_either_side(store: ObjectStore, key: str) -> None:
    put(store, OLD, b"data")

    with pytest.raises(InvalidRequest):
        store.copy(OLD, key)
    with pytest.raises(InvalidRequest):
        store.copy(key, NEW)
