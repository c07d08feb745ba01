"""The stand-in's Storage: rows in the database, bytes in a folder, REST in front of both.

As on the platform every upload gets a new version, a missing object is answered with status 400
whose body says 404, and only the service key is let in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from re import Match
from typing import Any, Final
from urllib.parse import unquote

from chalicelib.local.supabase.http_server import Act, Answer, Asked, Route, Span
from chalicelib.local.supabase.storage_rows import ObjectRow, StorageRows

LIST_LIMIT: Final = 1000
USUAL_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True)
class NewObject:
    """Say what an upload brings beside its bytes."""

    content_type: str = USUAL_TYPE
    cache_control: str = "no-cache"
    user_metadata: Mapping[str, object] | None = None
    owner_id: str | None = None
    upsert: bool = False


class StandInStorage:
    """Keep the files of one project."""

    def __init__(self, folder: Path, rows: StorageRows, service_key: str) -> None:
        """Use a folder that exists; the rows are the project's."""
        self._folder = folder
        self._rows = rows
        self._service_key = service_key
        self._counting = threading.Lock()
        self.sent_bytes = 0
        self.sent_files = 0

    def make_bucket(self, bucket: str, *, public: bool = False) -> None:
        """Make a bucket unless there is one."""
        self._rows.make_bucket(bucket, {"public": public})

    def upload(
        self, bucket: str, name: str, content: bytes, new: NewObject | None = None
    ) -> ObjectRow | None:
        """Keep a file as an upload would; None when the name is taken and must not be."""
        return self._keep(bucket, name, iter([content]), new or NewObject())

    def path(self, bucket: str, name: str, version: str) -> Path:
        """Return where the bytes of a version lie; names may hold anything, paths may not."""
        key = json.dumps([bucket, name, version]).encode()
        return self._folder / hashlib.sha256(key).hexdigest()

    def routes(self) -> list[Route]:
        """Return the routes of the REST interface."""
        base, one = "/storage/v1", r"/object/(?:authenticated/)?([^/]+)/(.+)"
        table: list[tuple[str, str, Act]] = [
            ("GET", "/bucket", self._buckets),
            ("POST", "/bucket", self._new_bucket),
            ("POST", "/object/list-v2/([^/]+)", self._list),
            ("GET", one, self._get),
            ("HEAD", one, self._get),
            ("POST", one, self._upload),
            ("PUT", one, self._upload),
            ("DELETE", one, self._delete),
        ]
        return [Route(method, f"{base}{path}", self._guarded(act)) for method, path, act in table]

    def _guarded(self, act: Act) -> Act:
        def guarded(asked: Asked, match: Match[str]) -> Answer:
            if asked.headers.get("authorization") != f"Bearer {self._service_key}":
                return _refused("403", "Unauthorized", "signature verification failed")
            return act(asked, match)

        return guarded

    def _buckets(self, asked: Asked, match: Match[str]) -> Answer:
        del asked, match
        return Answer.document(self._rows.buckets())

    def _new_bucket(self, asked: Asked, match: Match[str]) -> Answer:
        del match
        sent: dict[str, Any] = asked.json()
        if not self._rows.make_bucket(sent["id"], sent):
            return _refused("409", "Duplicate", "The resource already exists")
        return Answer.document({"name": sent["id"]})

    def _list(self, asked: Asked, match: Match[str]) -> Answer:
        sent = asked.json() or {}
        limit = min(int(sent.get("limit", LIST_LIMIT)), LIST_LIMIT)
        after = unquote(sent.get("cursor") or "")
        page = self._rows.page(_decoded(match[1]), sent.get("prefix", ""), after, limit + 1)
        shown = page[:limit]
        more = {"nextCursor": shown[-1].name} if len(page) > limit else {}
        objects = [{"id": row.id, "name": row.name, "metadata": row.metadata} for row in shown]
        return Answer.document({"hasNext": bool(more), "folders": [], "objects": objects, **more})

    def _get(self, asked: Asked, match: Match[str]) -> Answer:
        bucket, name = _decoded(match[1]), _decoded(match[2])
        row = self._rows.find(bucket, name)
        path = self.path(bucket, name, row.version) if row else None
        if row is None or path is None or not path.is_file():
            return _refused("404", "not_found", "Object not found")
        etag = str(row.metadata["eTag"])
        if asked.headers.get("if-match", etag) != etag:
            return Answer(HTTPStatus.PRECONDITION_FAILED)
        headers = {
            "Content-Type": str(row.metadata["mimetype"]),
            "Cache-Control": str(row.metadata["cacheControl"]),
            "ETag": etag,
        }
        answer = _ranged(path, asked.headers.get("range"), headers)
        if asked.method == "GET":
            self._count(answer)
        return answer

    def _count(self, answer: Answer) -> None:
        """Add up what leaves this storage: what a backup transfers is judged by it."""
        with self._counting:
            self.sent_files += 1
            self.sent_bytes += answer.body.length if isinstance(answer.body, Span) else 0

    def _upload(self, asked: Asked, match: Match[str]) -> Answer:
        bucket, name = _decoded(match[1]), _decoded(match[2])
        if not self._rows.has_bucket(bucket):
            return _refused("404", "Bucket not found", "Bucket not found")
        said = asked.headers.get("x-metadata")
        new = NewObject(
            content_type=asked.headers.get("content-type", USUAL_TYPE),
            cache_control=asked.headers.get("cache-control", "no-cache"),
            user_metadata=json.loads(base64.b64decode(said)) if said else None,
            upsert=asked.method == "PUT" or asked.headers.get("x-upsert") == "true",
        )
        row = self._keep(bucket, name, asked.body, new)
        if row is None:
            return _refused("409", "Duplicate", "The resource already exists")
        return Answer.document({"Id": row.id, "Key": f"{bucket}/{name}"})

    def _delete(self, asked: Asked, match: Match[str]) -> Answer:
        del asked
        bucket, name = _decoded(match[1]), _decoded(match[2])
        row = self._rows.remove(bucket, name)
        if row is None:
            return _refused("404", "not_found", "Object not found")
        self.path(bucket, name, row.version).unlink(missing_ok=True)
        return Answer.document({"message": "Successfully deleted"})

    def _keep(
        self, bucket: str, name: str, chunks: Iterator[bytes], new: NewObject
    ) -> ObjectRow | None:
        # of every upload anew, as the platform does: it is the change key of backups
        version = str(uuid.uuid4())
        path = self.path(bucket, name, version)
        size, digest = _written(path, chunks)
        metadata = {
            "eTag": f'"{digest}"',
            "size": size,
            "mimetype": new.content_type,
            "cacheControl": new.cache_control,
            "contentLength": size,
            "httpStatusCode": HTTPStatus.OK.value,
        }
        row = ObjectRow("", name, version, metadata, new.user_metadata, new.owner_id)
        kept = self._rows.put(bucket, row, upsert=new.upsert)
        if kept is None:
            path.unlink()
        return kept


def _decoded(word: str) -> str:
    return unquote(word)


def _refused(status: str, error: str, message: str) -> Answer:
    document = {"statusCode": status, "error": error, "message": message}
    return Answer.document(document, HTTPStatus.BAD_REQUEST)


def _written(path: Path, chunks: Iterator[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for chunk in chunks:
            size += file.write(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()


def _ranged(path: Path, wanted: str | None, headers: Mapping[str, str]) -> Answer:
    size = path.stat().st_size
    if wanted is None:
        return Answer(HTTPStatus.OK, Span(path, 0, size), headers)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if start > end:
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    told = {**headers, "Content-Range": f"bytes {start}-{end}/{size}"}
    return Answer(HTTPStatus.PARTIAL_CONTENT, Span(path, start, end - start + 1), told)
