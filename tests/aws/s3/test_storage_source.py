"""Files of a project's storage over S3, from a server that checks signatures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib.adapters.aws.clients import Credentials
from chalicelib.adapters.aws.s3_settings import s3_client
from chalicelib.adapters.aws.storage_source import KEYS_HINT, S3Files, S3Place
from chalicelib.domain.errors import (
    AuthenticationFailed,
    Conflict,
    HoldfastError,
    NotFound,
    PermissionDenied,
    SourceLost,
)
from chalicelib.domain.storage_file import StorageObject
from tests.support.s3_faults import Act, Fault, FaultyS3, answer, cut_answer
from tests.support.seaweedfs import BUCKET, KEYS, REGION, SeaweedFS, fresh_prefix

NAMES = [
    "plain.txt",
    "a folder/with blanks & ampersands.txt",
    "percent%2Fplus+question?hash#.txt",
    "Ünïcode/日本語.txt",
    "-- not a comment'; $(no shell) `either`.txt",
    "!-_.*'()&$@=;:+ ,?",
]


@pytest.fixture
def bucket(seaweedfs: SeaweedFS) -> Iterator[Any]:
    """Give a client of the side that uploads."""
    with closing(s3_client(seaweedfs.place)) as client:
        yield client


@pytest.fixture
def files(faulty: FaultyS3) -> Iterator[S3Files]:
    """Read from the same server, through the proxy that can go wrong."""
    with closing(S3Files(S3Place(faulty.endpoint, REGION, KEYS))) as made:
        yield made


def stored(bucket: Any, name: str, content: bytes) -> StorageObject:
    """Upload a file; return the row that names it."""
    key = fresh_prefix() + name
    etag = bucket.put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"]
    return StorageObject(bucket=BUCKET, name=key, version="1", size_bytes=len(content), etag=etag)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_whatever_its_name(bucket: Any, files: S3Files, name: str) -> None:
    row = stored(bucket, name, b"content")

    assert b"".join(files.read(row)) == b"content"


def test_reading_goes_on_from_anywhere(bucket: Any, files: S3Files) -> None:
    row = stored(bucket, "a", b"0123456789")

    assert b"".join(files.read(row, 4)) == b"456789"


def test_a_file_that_was_replaced_is_told_from_one_that_is_gone(
    bucket: Any, files: S3Files
) -> None:
    row = stored(bucket, "a", b"before")
    bucket.put_object(Bucket=BUCKET, Key=row.name, Body=b"after!")

    with pytest.raises(Conflict):
        b"".join(files.read(row))

    bucket.delete_object(Bucket=BUCKET, Key=row.name)
    with pytest.raises(NotFound):
        b"".join(files.read(row))


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (answer(403, "InvalidAccessKeyId"), AuthenticationFailed),
        (answer(403, "AccessDenied"), PermissionDenied),
        (answer(404, "NoSuchBucket"), NotFound),
        (answer(416, "InvalidRange"), Conflict),
    ],
)
def test_a_refusal_says_what_it_is(
    bucket: Any, files: S3Files, faulty: FaultyS3, refusal: Act, error: type[HoldfastError]
) -> None:
    row = stored(bucket, "a", b"content")
    faulty.faults.append(Fault("GetObject", refusal))

    with pytest.raises(error) as raised:
        b"".join(files.read(row))

    is_about_keys = error in {AuthenticationFailed, PermissionDenied}
    assert (raised.value.hint == KEYS_HINT) == is_about_keys


def test_an_answer_that_is_cut_may_be_asked_for_again(
    bucket: Any, files: S3Files, faulty: FaultyS3
) -> None:
    row = stored(bucket, "a", b"x" * 100_000)
    faulty.faults.append(Fault("GetObject", cut_answer(50_000)))

    with pytest.raises(SourceLost):
        b"".join(files.read(row))


def test_wrong_keys_are_refused_without_showing_them(bucket: Any, seaweedfs: SeaweedFS) -> None:
    row = stored(bucket, "a", b"content")
    wrong = Credentials(KEYS.access_key_id, "canary-of-a-wrong-key")

    with (
        closing(S3Files(S3Place(seaweedfs.endpoint, REGION, wrong))) as files,
        pytest.raises((AuthenticationFailed, PermissionDenied)) as raised,
    ):
        b"".join(files.read(row))

    assert "canary" not in f"{raised.value} {raised.value.hint}"
