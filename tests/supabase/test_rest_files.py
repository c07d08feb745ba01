"""Files of Storage over its REST interface: every name, every answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus

import pytest

from chalicelib.domain.errors import (
    AuthenticationFailed,
    Conflict,
    HoldfastError,
    NotFound,
    PermissionDenied,
    SourceUnreachable,
)
from chalicelib.domain.storage_file import StorageObject
from chalicelib.local.supabase.http_server import StandInServer, Trouble
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.supabase.storage_files import RestFiles
from tests.support.supabase import running_stand_in

pytestmark = pytest.mark.postgres

# whatever S3 allows in a key, as the platform's own rule has it
ALLOWED = "".join(
    letter
    for letter in map(chr, range(0x20, 0x7F))
    if letter.isalnum() or letter in "_/!-.*'() &$@=;:+,?"
)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[SupabaseStandIn]:
    """Run a project with one bucket."""
    with running_stand_in() as made:
        made.storage.make_bucket("a bucket & more")
        yield made


@pytest.fixture
def files(stand_in: SupabaseStandIn) -> Iterator[RestFiles]:
    with closing(RestFiles(stand_in.settings.storage_url, stand_in.service_key)) as made:
        yield made


def stored(stand_in: SupabaseStandIn, name: str, content: bytes = b"content") -> StorageObject:
    """Upload a file anew; return the row that names it."""
    stand_in.storage.make_bucket("a bucket & more")
    row = stand_in.storage.upload("a bucket & more", name, content)
    assert row is not None
    return StorageObject(
        bucket="a bucket & more",
        name=name,
        version=row.version,
        size_bytes=len(content),
        etag=str(row.metadata["eTag"]),
    )


@pytest.mark.parametrize(
    "name", [ALLOWED, "a/b/c", "a%2Fb", "Ünïcode/日本語 🐘", "..", "./x", "a//b", "#?&="]
)
def test_a_file_is_read_whatever_its_name(
    stand_in: SupabaseStandIn, files: RestFiles, name: str
) -> None:
    row = stored(stand_in, f"names/{name}", name.encode())

    assert b"".join(files.read(row)) == name.encode()


def test_reading_goes_on_from_anywhere(stand_in: SupabaseStandIn, files: RestFiles) -> None:
    row = stored(stand_in, "ranges", b"0123456789")

    assert b"".join(files.read(row, 4)) == b"456789"


def test_a_file_that_was_replaced_is_not_taken_for_the_rows(
    stand_in: SupabaseStandIn, files: RestFiles
) -> None:
    row = stored(stand_in, "replaced").model_copy(update={"etag": '"of another version"'})

    with pytest.raises(Conflict):
        b"".join(files.read(row))


def test_a_file_that_was_never_there_is_gone(files: RestFiles) -> None:
    with pytest.raises(NotFound, match="it is gone"):
        b"".join(files.read(StorageObject(bucket="a bucket & more", name="never")))


def test_a_wrong_key_is_refused_without_showing_it(stand_in: SupabaseStandIn) -> None:
    row = stored(stand_in, "refused")

    with (
        closing(RestFiles(stand_in.settings.storage_url, "canary-of-a-key")) as files,
        pytest.raises((PermissionDenied, AuthenticationFailed)) as raised,
    ):
        b"".join(files.read(row))

    assert "canary" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (HTTPStatus.INTERNAL_SERVER_ERROR, SourceUnreachable),
        (HTTPStatus.TOO_MANY_REQUESTS, SourceUnreachable),
        (HTTPStatus.UNAUTHORIZED, AuthenticationFailed),
        (HTTPStatus.FORBIDDEN, PermissionDenied),
        (HTTPStatus.NOT_FOUND, NotFound),
        (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, Conflict),
    ],
)
def test_an_answer_without_words_is_judged_by_its_status(
    status: HTTPStatus, error: type[HoldfastError]
) -> None:
    server = StandInServer([], [Trouble("GET", status)])
    with (
        closing(server),
        closing(RestFiles(f"{server.url}/storage/v1", "key")) as files,
        pytest.raises(error),
    ):
        b"".join(files.read(StorageObject(bucket="b", name="n")))


def test_a_storage_that_is_not_there_may_come_back() -> None:
    with (
        closing(RestFiles("http://127.0.0.1:1/storage/v1", "key")) as files,
        pytest.raises(SourceUnreachable) as raised,
    ):
        b"".join(files.read(StorageObject(bucket="b", name="n")))

    assert raised.value.retryable
