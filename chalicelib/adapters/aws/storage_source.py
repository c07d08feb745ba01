"""Read the files of a project's storage over S3, as any client of S3 would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws.clients import Credentials, Place
from chalicelib.adapters.aws.s3_settings import s3_client
from chalicelib.domain.errors import (
    AuthenticationFailed,
    Conflict,
    HoldfastError,
    NotFound,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
)
from chalicelib.domain.storage_file import StorageObject

CHUNK_BYTES: Final = 1 << 20

KEYS_HINT: Final = (
    "Make a pair of keys in the dashboard under Storage, S3, and update the project with it."
)
_MEANINGS: Final[dict[str, tuple[type[HoldfastError], str]]] = {
    "NoSuchKey": (NotFound, "it is gone"),
    "NoSuchBucket": (NotFound, "its bucket is gone"),
    "PreconditionFailed": (Conflict, "it was replaced after the snapshot"),
    "InvalidRange": (Conflict, "it is shorter than its row says"),
    "InvalidAccessKeyId": (AuthenticationFailed, "storage refuses the keys for S3"),
    "SignatureDoesNotMatch": (AuthenticationFailed, "storage refuses the keys for S3"),
    "AccessDenied": (PermissionDenied, "storage lets these keys read no files"),
}


@dataclass(frozen=True)
class S3Place:
    """Say where the buckets are and who asks."""

    url: str
    region: str
    credentials: Credentials


class S3Files:
    """Give the files behind one S3 endpoint; threads share the connections until `close`."""

    def __init__(self, place: S3Place) -> None:
        """Open nothing yet."""
        self._client: Any = s3_client(Place(place.region, place.url, place.credentials))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def read(self, wanted: StorageObject, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, as `FileSource.read` says."""
        arguments = {"Bucket": wanted.bucket, "Key": wanted.name}
        if wanted.etag:
            arguments["IfMatch"] = wanted.etag
        if start:
            arguments["Range"] = f"bytes={start}-"
        with _translated():
            body = self._client.get_object(**arguments)["Body"]
            with closing(body):
                yield from body.iter_chunks(CHUNK_BYTES)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _meaning(error) from error
    except BotoCoreError as error:
        raise SourceLost("the storage of the project broke off") from error


def _meaning(error: ClientError) -> HoldfastError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _MEANINGS:
        kind, words = _MEANINGS[code]
        is_about_keys = kind in {AuthenticationFailed, PermissionDenied}
        return kind(words, hint=KEYS_HINT if is_about_keys else None)
    if status == HTTPStatus.NOT_FOUND:
        return NotFound("it is gone")
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Conflict("it was replaced after the snapshot")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return PermissionDenied("storage lets these keys read no files", hint=KEYS_HINT)
    return SourceUnreachable(f"storage answered {status or 'nothing'}")
