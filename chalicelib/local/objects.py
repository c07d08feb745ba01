"""The object store's own door: signed URLs, answered with the bytes of one object.

Supports single ranges, so that a broken download resumes; memory stays at one chunk however large
the object. An object never changes under its key, so its key is all that its ETag needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote

from chalicelib.adapters.embedded.signed_urls import SignedObject, check_signed
from chalicelib.api.application import SECURITY_HEADERS, method_not_allowed
from chalicelib.api.problems import Problem, problem_of, problem_response
from chalicelib.domain.errors import HoldfastError, InvalidRequest
from chalicelib.domain.link import gone
from chalicelib.local.wsgi import Environ, Reply, StartResponse, reply_of, send, status_line
from chalicelib.ports import Clock, ObjectStore, StoredObject

PREFIX: Final = "/objects/"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Span:
    """Name the bytes from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class ObjectsWsgi:
    """Serve `/objects/<key>` to whoever holds a signed URL."""

    store: ObjectStore
    clock: Clock
    signing_key: bytes

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return send(reply_of(method_not_allowed("GET, HEAD")), start_response)
        try:
            target = self._target(environ)
            found = self.store.head(target.key)
        except HoldfastError as error:
            return send(_refusal(problem_of(error)), start_response, is_head=is_head)
        try:
            span = parse_range(_wanted_range(environ, found), found.size_bytes)
        except InvalidRequest as error:
            reply = _refusal(problem_of(error, status=416))
            headers = {**reply.headers, "Content-Range": f"bytes */{found.size_bytes}"}
            return send(Reply(416, headers, reply.body), start_response, is_head=is_head)
        status = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
        headers = _object_headers(target, found, span)
        span = span or Span(0, found.size_bytes)
        start_response(status_line(status), list(headers.items()))
        return () if is_head else self.store.read(found.key, span.start, span.end)

    def _target(self, environ: Environ) -> SignedObject:
        path = str(environ["PATH_INFO"]).encode("latin-1", "replace").decode("utf-8", "replace")
        pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        query = dict(pairs)
        # A parameter given twice could be read one way here and another way by a proxy.
        if len(query) != len(pairs):
            raise gone()
        return check_signed(
            path.removeprefix(PREFIX), query, now=self.clock.now(), signing_key=self.signing_key
        )


def parse_range(header: str | None, size_bytes: int) -> Span | None:
    """Return the bytes a Range header asks for; None for all.

    Several ranges and foreign units count as no range, which RFC 9110 leaves to the server;
    InvalidRequest for a range that lies outside.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        span = Span(max(0, size_bytes - int(last)), size_bytes)
    else:
        end = min(size_bytes, int(last) + 1) if last else size_bytes
        # RFC 9110: a range that ends before it begins is no range at all
        if last and int(last) < int(first):
            return None
        span = Span(int(first), end)
    if span.start >= span.end:
        raise InvalidRequest(
            f"the range lies outside of the {size_bytes} bytes", hint="Ask for bytes that exist."
        )
    return span


def etag(key: str) -> str:
    """Return the strong validator of an object."""
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'


def _wanted_range(environ: Mapping[str, str], found: StoredObject) -> str | None:
    condition = environ.get("HTTP_IF_RANGE")
    if condition is not None and condition.strip() != etag(found.key):
        return None
    return environ.get("HTTP_RANGE")


def _object_headers(target: SignedObject, found: StoredObject, span: Span | None) -> dict[str, str]:
    # Old clients read the plain form, where nothing but harmless letters may stand.
    safe = _UNSAFE.sub("_", target.filename) or "download"
    headers = {
        **SECURITY_HEADERS,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": (
            f"attachment; filename=\"{safe}\"; filename*=UTF-8''{quote(target.filename, safe='')}"
        ),
        "Content-Length": str(found.size_bytes),
        "ETag": etag(found.key),
    }
    if span is not None:
        headers["Content-Length"] = str(span.end - span.start)
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{found.size_bytes}"
    return headers


def _refusal(problem: Problem) -> Reply:
    return reply_of(problem_response(problem))
