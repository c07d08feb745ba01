"""Read the files of Storage through its REST interface, with the service key.

A file is asked for by bucket and name, which is all that the interface knows; that it is still the
version of the row is seen by its ETag and its length.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import httpx

from chalicelib.domain.errors import (
    AuthenticationFailed,
    Conflict,
    NotFound,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
)
from chalicelib.domain.storage_file import StorageObject

CHUNK_BYTES: Final = 1 << 20
TIMEOUT_S: Final = 30.0
KEY_HINT: Final = "Give the project its service key: storage is read with it alone."

_GONE: Final = {"404", "not_found", "NoSuchKey", "NoSuchBucket"}
_REFUSED: Final = {"401", "403", "Unauthorized", "InvalidJWT", "AccessDenied"}


class RestFiles:
    """Give the files of one project; each thread that asks has a connection, until `close`.

    A client that many threads share looks at all of its connections under a lock at every request,
    which costs more than a small file does.
    """

    def __init__(self, storage_url: str, service_key: str) -> None:
        """Open nothing yet; `storage_url` ends in `/storage/v1`."""
        self._url = storage_url
        self._headers = {"Authorization": f"Bearer {service_key}", "apikey": service_key}
        # read once: to read the roots of trust takes as long as several files
        self._trust = httpx.create_ssl_context(trust_env=False)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._clients: list[httpx.Client] = []

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            for client in self._clients:
                client.close()

    @property
    def _client(self) -> httpx.Client:
        client: httpx.Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = httpx.Client(
                headers=self._headers,
                timeout=TIMEOUT_S,
                verify=self._trust,
                trust_env=False,
                # a redirect would take the header apikey along, to whatever host it names
                follow_redirects=False,
            )
            with self._lock:
                self._clients.append(client)
        return client

    def read(self, wanted: StorageObject, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, as `FileSource.read` says."""
        # a body that the platform compressed on the way would not have the length of the row
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        if wanted.etag:
            headers["If-Match"] = wanted.etag
        with _translated(), self._client.stream("GET", self._at(wanted), headers=headers) as answer:
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise _refusal(wanted, answer)
            _require_same(wanted, answer, start)
            # raw: what counts are the bytes as they are stored, and `start` counts those
            yield from answer.iter_raw(CHUNK_BYTES)

    def _at(self, wanted: StorageObject) -> str:
        path = "/".join(map(_segment, [wanted.bucket, *wanted.name.split("/")]))
        return f"{self._url}/object/authenticated/{path}"


def _segment(name: str) -> str:
    # a dot is never encoded by itself, and a segment of dots alone would be resolved on the way
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise SourceUnreachable("the storage of the project did not answer") from error
    except httpx.HTTPError as error:
        raise SourceLost("the storage of the project broke off") from error


def _require_same(wanted: StorageObject, answer: httpx.Response, start: int) -> None:
    found = answer.headers.get("ETag")
    if wanted.etag and found and _bare(found) != _bare(wanted.etag):
        raise Conflict("it was replaced after the snapshot")
    if start and answer.status_code != HTTPStatus.PARTIAL_CONTENT:
        raise SourceLost("the storage of the project does not go on where it broke off")


def _bare(etag: str) -> str:
    # whoever touches an answer on the way may mark its ETag as weak
    return etag.removeprefix("W/").strip('"')


def _refusal(wanted: StorageObject, answer: httpx.Response) -> Exception:
    # of a stream nothing is there yet, not even the words of a refusal
    answer.read()
    words = _words(answer)
    if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
        return Conflict("it was replaced after the snapshot")
    if answer.status_code == HTTPStatus.NOT_FOUND or words & _GONE:
        return NotFound("it is gone")
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return AuthenticationFailed("storage refuses the service key", hint=KEY_HINT)
    if answer.status_code == HTTPStatus.FORBIDDEN or words & _REFUSED:
        return PermissionDenied("storage lets this key read no files", hint=KEY_HINT)
    if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Conflict("it is shorter than its row says")
    return SourceUnreachable(f"storage answered {answer.status_code} for {wanted.bucket}")


def _words(answer: httpx.Response) -> set[str]:
    try:
        # Storage may refuse with 400 and tell the true status in the body
        document = answer.json()
    except ValueError:
        return set()
    if not isinstance(document, dict):
        return set()
    return {str(document.get(field)) for field in ("statusCode", "error", "code")}
