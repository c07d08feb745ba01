"""The object store in a directory, with the semantics of S3 multipart uploads.

An object is a file that got its name by a link, after its bytes were safe on the disk: it appears
whole or not at all, and a name that is taken refuses the link.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from chalicelib.adapters.embedded.assembly import Extent, plan_assembly
from chalicelib.adapters.embedded.disk import (
    in_folder,
    prune,
    sync_folder,
    sync_folders,
    translated,
)
from chalicelib.adapters.embedded.object_paths import UPLOAD_MARK, ObjectPaths
from chalicelib.adapters.embedded.signed_urls import SignedObject, expiry, signed_url
from chalicelib.adapters.embedded.upload_files import (
    CHUNK_BYTES,
    UploadFiles,
    make_upload,
    open_upload,
    remove_upload,
)
from chalicelib.adapters.store_rules import (
    check_part,
    check_range,
    checked_segments,
    in_order,
    is_key,
)
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.ports import Part, PartData, PartLimits, StoredObject, Upload

LIMITS: Final = PartLimits(min_part_bytes=5 << 20, max_part_bytes=5 << 30, max_parts=1_000_000)
"""S3's sizes, with room for so many parts that they all stay small, and memory with them."""


class DirectoryStore:
    """Keep objects as files below a folder; threads and processes may share it."""

    def __init__(
        self, root: Path, signing_key: bytes, base_url: str, *, limits: PartLimits = LIMITS
    ) -> None:
        """Use the folder, which is made with the first object; URLs begin with `base_url`."""
        self._root = root
        self._paths = ObjectPaths(root)
        self._signing_key = signing_key
        self._base_url = base_url
        self.limits = limits

    def begin(self, key: str, *, content_type: str) -> Upload:
        """Open an upload; a directory keeps no content types."""
        del content_type
        folder = self._paths.of_uploads(key)

        def make() -> Path:
            return Path(tempfile.mkdtemp(prefix=UPLOAD_MARK, dir=folder))

        with translated(f"cannot begin {key}"):
            made = in_folder(folder, make)
            make_upload(made)
        return self._paths.upload_at(made)

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        """Store a part behind those that came before it; a file is read into memory whole."""
        if not isinstance(data, bytes | memoryview):
            data = _content(data)
        check_part(number, len(data), self.limits)
        folder = self._paths.of_upload(upload)
        with (
            translated(f"cannot store part {number} of {upload.key}"),
            open_upload(folder) as files,
        ):
            return files.append(number, data)

    def complete(self, upload: Upload, parts: Sequence[Part], *, size_bytes: int) -> StoredObject:
        """Give the joined parts their name, durably, then drop the upload."""
        folder = self._paths.of_upload(upload)
        done = StoredObject(upload.key, size_bytes)
        with translated(f"cannot complete {upload.key}"):
            try:
                with open_upload(folder) as files:
                    extents = plan_assembly(
                        parts, files.extents(), size_bytes=size_bytes, limits=self.limits
                    )
                    self._publish(done, files, extents)
                    self._drop(folder)
            except NotFound:
                if not self._holds(done, parts):
                    raise
                self.abort(upload)  # of what a crash left of it
        return done

    def abort(self, upload: Upload) -> None:
        """Drop an upload; what a crash left of one is dropped too."""
        folder = self._paths.of_upload(upload)
        with translated(f"cannot drop an upload of {upload.key}"):
            try:
                with open_upload(folder):
                    self._drop(folder)
            except NotFound:
                if folder.exists():
                    self._drop(folder)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """List the uploads under way, and what a crash left of one."""
        with translated("cannot list uploads"):
            for folder in _upload_folders(self._paths.uploads):
                upload = self._paths.upload_at(folder)
                if upload.key.startswith(prefix):
                    yield upload

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        """Store a small object: an upload of one part, so that a crash leaves nothing hidden."""
        upload = self.begin(key, content_type=content_type)
        try:
            part = self.upload_part(upload, 1, data)
            return self.complete(upload, [part], size_bytes=len(data))
        finally:
            self.abort(upload)

    def head(self, key: str) -> StoredObject:
        """Describe an object; NotFound when it is not there."""
        path = self._paths.of_object(key)
        with translated(f"cannot look at {key}"):
            if not path.is_file():
                raise _no_object(key)
            return StoredObject(key, path.stat().st_size)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a range; an object that is deleted meanwhile is read to its end."""
        check_range(start, end)
        path = self._paths.of_object(key)
        with translated(f"cannot read {key}"):
            if not path.is_file():
                raise _no_object(key)
            with path.open("rb", buffering=0) as file:
                yield from _chunks(file.fileno(), start, end)

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys below a prefix, sorted; only the prefix's own folder is walked."""
        parent = prefix.rpartition("/")[0]
        folder = self._paths.objects
        if parent:
            if not is_key(parent):
                return
            folder = folder.joinpath(*checked_segments(parent))
        with translated("cannot list keys"):
            for path in _files(folder):
                key = self._paths.key_at(path)
                if key.startswith(prefix):
                    yield key

    def copy(self, key: str, new_key: str) -> StoredObject:
        """Give a file a second name: objects never change, so both may be the same file."""
        source, target = self._paths.of_object(key), self._paths.of_object(new_key)
        with translated(f"cannot copy {key}"):
            if not source.is_file():
                raise _no_object(key)
            size_bytes = source.stat().st_size
            try:
                self._link(new_key, source, target)
            except FileNotFoundError as error:
                raise _no_object(key) from error
            sync_folders(target.parent, self._root)
        return StoredObject(new_key, size_bytes)

    def delete(self, key: str) -> None:
        """Remove an object durably, with the folders it leaves empty."""
        path = self._paths.of_object(key)
        with translated(f"cannot delete {key}"):
            if not path.is_file():
                return
            path.unlink(missing_ok=True)
            # The order of deletions carries meaning, so each is safe before the next begins.
            with suppress(FileNotFoundError):  # pruned by another deletion
                sync_folder(path.parent)
            prune(path.parent, self._paths.objects)

    def presign(self, key: str, *, filename: str, lifetime: timedelta, now: datetime) -> str:
        """Return a URL that `signed_urls.check_signed` accepts until it expires."""
        checked_segments(key)
        return signed_url(
            self._base_url,
            SignedObject(key, filename),
            expires_at=expiry(now, lifetime),
            signing_key=self._signing_key,
        )

    def _publish(self, wanted: StoredObject, files: UploadFiles, extents: Sequence[Extent]) -> None:
        target = self._paths.of_object(wanted.key)
        if not files.is_linked_to(target):
            self._link(wanted.key, files.object_file(extents), target)
        elif target.stat().st_size != wanted.size_bytes:
            raise Conflict(f"the object {wanted.key} was completed with other parts")
        sync_folders(target.parent, self._root)

    def _link(self, key: str, source: Path, target: Path) -> None:
        try:
            in_folder(target.parent, lambda: os.link(source, target))
        except (FileExistsError, NotADirectoryError) as error:
            raise Conflict(f"the object {key} exists already") from error

    def _drop(self, folder: Path) -> None:
        remove_upload(folder)
        prune(folder.parent, self._paths.uploads)

    def _holds(self, wanted: StoredObject, parts: Sequence[Part]) -> bool:
        # The upload is gone. If it was completed, the object is made of exactly these parts.
        path = self._paths.of_object(wanted.key)
        if not path.is_file() or path.stat().st_size != wanted.size_bytes:
            return False
        offset = 0
        for part in in_order(parts):
            end = offset + part.size_bytes
            crc32 = 0
            for chunk in self.read(wanted.key, offset, end):
                crc32 = zlib.crc32(chunk, crc32)
            if f"{crc32:08x}" != part.etag:
                return False
            offset = end
        return offset == wanted.size_bytes


def _content(file: BinaryIO) -> bytes:
    with translated("cannot read a part"):
        file.seek(0)
        return file.read()


def _chunks(fd: int, start: int, end: int | None) -> Iterator[bytes]:
    position = start
    while end is None or position < end:
        wanted = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - position)
        chunk = os.pread(fd, wanted, position)
        if not chunk:
            return
        yield chunk
        position += len(chunk)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []  # never there, or pruned a moment ago


def _files(folder: Path) -> Iterator[Path]:
    # A folder sorts as its name with the slash that follows in every key below it.
    entries = _entries(folder)
    for entry in sorted(entries, key=lambda e: e.name + "/" if e.is_dir() else e.name):
        if entry.is_dir():
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _upload_folders(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.name.startswith(UPLOAD_MARK):
            yield Path(entry.path)
        else:
            yield from _upload_folders(Path(entry.path))


def _no_object(key: str) -> NotFound:
    return NotFound(f"there is no object {key}", hint="It was deleted, or never completed.")
