"""Files of a project's storage: the row that names one, and what a backup holds of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import ValidationError

from chalicelib.domain.backup import Value
from chalicelib.domain.errors import IntegrityFailed

OBJECTS = "storage-objects.jsonl"
"""The rows, as they stood in the dump's snapshot, sorted by bucket, name and version."""
FILES = "storage-files.jsonl"
"""What became of each row, in the same order."""
FOLDER = "files/"
"""What the names of the stored files begin with; a running number follows."""
_STORED: Final = re.compile(rf"{FOLDER}([1-9][0-9]{{0,9}})")


class StorageObject(Value):
    """Name a file as a row does. Bucket, name and version never stand for other bytes again."""

    bucket: str
    name: str
    version: str | None = None
    size_bytes: int | None = None
    etag: str | None = None
    content_type: str | None = None
    cache_control: str | None = None

    @property
    def identity(self) -> tuple[bytes, bytes, bytes]:
        """The change key, in the order of the listings."""
        version = self.version or ""
        return self.bucket.encode(), self.name.encode(), version.encode()


class StorageFile(Value):
    """Say where a backup holds a file (`key` is an artefact's name), or why it is missing.

    `reused`: it came from an earlier backup, copied inside the store.
    """

    bucket: str
    name: str
    version: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    content_type: str | None = None
    cache_control: str | None = None
    key: str | None = None
    missing: str | None = None
    reused: bool | None = None

    @property
    def identity(self) -> tuple[bytes, bytes, bytes]:
        """The change key, in the order of the listings."""
        version = self.version or ""
        return self.bucket.encode(), self.name.encode(), version.encode()

    @property
    def line(self) -> str:
        """The file as a line of its listing."""
        return self.model_dump_json(exclude_none=True)


def file_number(name: str) -> int | None:
    """Return the running number of a stored file, None for what is no name of one."""
    found = _STORED.fullmatch(name)
    return int(found[1]) if found else None


def parse_object(line: bytes) -> StorageObject:
    """Read a line of the rows; IntegrityFailed for any other."""
    try:
        return StorageObject.model_validate_json(line)
    except ValidationError as error:
        raise IntegrityFailed(f"a line of {OBJECTS} does not describe a file") from error


def parse_file(line: bytes) -> StorageFile:
    """Read a line of the files; IntegrityFailed for any other."""
    try:
        return StorageFile.model_validate_json(line)
    except ValidationError as error:
        raise IntegrityFailed(f"a line of {FILES} does not describe a file") from error


def paired(
    rows: Iterable[StorageObject], files: Iterable[StorageFile]
) -> Iterator[tuple[StorageObject, StorageFile | None]]:
    """Yield every row with the file that holds the same, reading both listings side by side.

    Both are in the order of the listings. A row without a version names no bytes for sure.
    """
    held = (one for one in files if one.key is not None)
    file = next(held, None)
    for row in rows:
        while file is not None and file.identity < row.identity:
            file = next(held, None)
        is_same = file is not None and file.identity == row.identity and row.version is not None
        yield row, file if is_same else None
