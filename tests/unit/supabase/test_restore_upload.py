"""Files on their way into Storage: many at once, patient, hashed both ways, never in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from re import Match

import pytest

from chalicelib.domain.errors import (
    Cancelled,
    HoldfastError,
    IntegrityFailed,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
)
from chalicelib.domain.storage_file import StorageFile
from chalicelib.local.supabase.http_server import Answer, Asked, Route, StandInServer, Trouble
from chalicelib.supabase.patience import MAX_PAUSE_S
from chalicelib.supabase.restore.tally import Tally
from chalicelib.supabase.restore.upload import IN_FLIGHT, Door, upload

KEY = "key-of-the-service"
UPLOADS = "^POST "


@dataclass
class Storage:
    """Keep what is uploaded, by its path; count what is there at once."""

    kept: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    full: threading.Barrier | None = None

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/object/(.+)", self._put),
            Route("GET", "/object/(.+)", self._get),
            Route("GET", "/bucket", lambda asked, match: Answer.document([])),
        ]

    def _put(self, asked: Asked, match: Match[str]) -> Answer:
        if self.full is not None:
            self.full.wait(timeout=20)
        self.headers = dict(asked.headers)
        self.kept[match[1]] = asked.read()
        return Answer.document({})

    def _get(self, asked: Asked, match: Match[str]) -> Answer:
        return Answer(body=self.kept[match[1]])


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def server(storage: Storage) -> Iterator[StandInServer]:
    made = StandInServer(storage.routes(), [])
    yield made
    made.close()


@pytest.fixture
def door(server: StandInServer, storage: Storage) -> Door:
    return Door(server.url, KEY, is_local=True, pause=storage.pauses.append)


def content(key: str) -> bytes:
    return f"the bytes of {key}\n".encode() * 3


def file(number: int, **fields: object) -> StorageFile:
    data = content(f"files/{number}")
    usual = {
        "bucket": "b",
        "name": f"file {number}",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "key": f"files/{number}",
    }
    return StorageFile.model_validate({**usual, **fields})


def opened(key: str) -> Iterator[bytes]:
    data = content(key)
    return iter([data[:5], data[5:]])


def brought(door: Door, *files: StorageFile) -> Tally:
    tally = Tally()
    upload(door, files, opened, tally, lambda done: None)
    return tally


def test_every_file_arrives_with_its_bytes(door: Door, storage: Storage) -> None:
    tally = brought(door, *map(file, range(50)))

    assert tally.restored["FILE"] == tally.checked["files"] == 50
    assert storage.kept == {f"b/file%20{n}": content(f"files/{n}") for n in range(50)}


def test_many_are_under_way_at_once(door: Door, storage: Storage) -> None:
    # all must be there together before any of them is answered
    storage.full = threading.Barrier(IN_FLIGHT)

    tally = brought(door, *map(file, range(IN_FLIGHT)))

    assert tally.restored["FILE"] == IN_FLIGHT


def test_type_and_caching_go_with_a_file(door: Door, storage: Storage) -> None:
    brought(door, file(1, content_type="image/png", cache_control="max-age=60"))

    assert storage.headers["content-type"] == "image/png"
    assert storage.headers["cache-control"] == "max-age=60"
    assert storage.headers["x-upsert"] == "true"
    assert storage.headers["authorization"] == f"Bearer {KEY}"


def test_a_file_that_the_backup_lacks_is_listed(door: Door, storage: Storage) -> None:
    tally = brought(door, file(1, key=None, missing="it was deleted meanwhile"))

    assert storage.kept == {}
    assert tally.skipped[0].what == "file b/file 1"
    assert tally.skipped[0].message == "the backup does not hold it: it was deleted meanwhile"


def test_what_passes_by_itself_is_waited_for(
    door: Door, server: StandInServer, storage: Storage
) -> None:
    server.troubles += [
        Trouble(UPLOADS, 429, times=1, headers={"Retry-After": "7"}),
        Trouble(UPLOADS, 503, times=1),
    ]

    tally = brought(door, file(1))

    assert tally.restored["FILE"] == 1
    assert storage.pauses[0] == 7.0
    assert len(storage.pauses) == 2


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (403, PermissionDenied, "refused the key for file b/file 1"),
        (413, SourceLost, "did not take file b/file 1: it answered 413"),
        (500, SourceLost, "did not take file b/file 1: it answered 500"),
    ],
)
def test_what_does_not_pass_names_the_file(
    door: Door, server: StandInServer, status: int, error: type[HoldfastError], told: str
) -> None:
    server.troubles.append(Trouble(UPLOADS, status, times=99))

    with pytest.raises(error, match=told):
        brought(door, file(1))


@pytest.mark.parametrize("after", [str(int(MAX_PAUSE_S) + 1), "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_who_is_told_to_wait_for_long_gives_up(
    door: Door, server: StandInServer, storage: Storage, after: str
) -> None:
    server.troubles.append(Trouble(UPLOADS, 429, times=2, headers={"Retry-After": after}))

    with pytest.raises(SourceLost, match="answered 429"):
        brought(door, file(1))

    assert storage.pauses == []


def test_a_connection_that_breaks_is_made_again(
    door: Door, server: StandInServer, storage: Storage
) -> None:
    def broken() -> None:
        raise ConnectionResetError

    server.troubles.append(Trouble(UPLOADS, times=2, before=broken))

    assert brought(door, file(1)).restored["FILE"] == 1
    assert len(storage.pauses) == 2


def test_bytes_that_are_not_those_of_the_listing_end_it(door: Door) -> None:
    with pytest.raises(IntegrityFailed, match="files/1 does not have the checksum"):
        brought(door, file(1, sha256="0" * 64))


def test_bytes_that_come_back_otherwise_are_told(
    door: Door, storage: Storage, server: StandInServer
) -> None:
    def spoil() -> None:
        storage.kept["b/file%201"] = b"others"

    # the answer is a failure once, so that the file is read after it was spoilt
    server.troubles.append(Trouble("^GET ", 503, before=spoil))

    tally = brought(door, file(1))

    assert [one.what for one in tally.differences] == ["file b/file 1"]


def test_a_wish_to_stop_ends_it(door: Door) -> None:
    def stop(done: int) -> None:
        raise Cancelled("the test cancels")

    with pytest.raises(Cancelled):
        upload(door, map(file, range(200)), opened, Tally(), stop)


def test_a_door_that_is_open_lets_in(door: Door) -> None:
    door.require_open()


def test_a_door_that_nobody_opens_is_told() -> None:
    with pytest.raises(SourceUnreachable, match="does not answer"):
        Door("http://127.0.0.1:9", KEY).require_open()


def test_the_key_is_in_no_text_of_the_door(door: Door) -> None:
    assert KEY not in repr(door)
