"""The files of one upload under way: parts in arrival order, and an index of where they lie.

`data` takes every part behind the last one. Each part then gets a record of fixed size in `index`:
first the bytes, then the record, so a crash in between leaves bytes that nobody names and that the
next part overwrites. When the parts came in order, `data` already is the object.

Whoever works on an upload holds the lock of `data`. Completing links `data` to the object's name;
from then on its bytes are the object's and no part may touch them.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chalicelib.adapters.embedded.assembly import Extent, is_contiguous
from chalicelib.adapters.embedded.direct_write import write_direct
from chalicelib.adapters.embedded.disk import write_all
from chalicelib.adapters.embedded.file_lock import lock
from chalicelib.domain.errors import NotFound
from chalicelib.ports import Part

LOCK_TIMEOUT_S: Final = 600.0
"""Enough for whoever completes an upload of many gigabytes to bring them to the disk."""

CHUNK_BYTES: Final = 1 << 20

_DATA, _INDEX, _ASSEMBLED = "data", "index", "assembled"
_RECORD: Final = struct.Struct("<IIQQ")  # number, crc32, offset, size


class UploadFiles:
    """Read and write the files of an upload whose lock is held."""

    def __init__(self, folder: Path, data: int, index: int) -> None:
        """Take the folder and its open files; `open_upload` makes these."""
        self._folder = folder
        self._data = data
        self._index = index

    def append(self, number: int, data: bytes | memoryview) -> Part:
        """Store a part; a part with the same number no longer counts."""
        if os.fstat(self._data).st_nlink > 1:
            raise NotFound("the upload is complete and takes no more parts")
        count = self._count()
        offset = self._extent(count - 1)[1].end if count else 0
        extent = Extent(offset, len(data), zlib.crc32(data))
        self._write(memoryview(data), offset)
        record = _RECORD.pack(number, extent.crc32, offset, len(data))
        write_all(self._index, record, count * _RECORD.size)
        return Part(number, len(data), extent.etag)

    def extents(self) -> dict[int, Extent]:
        """Return where the newest version of each part lies."""
        return dict(self._extent(position) for position in range(self._count()))

    def object_file(self, extents: Sequence[Extent]) -> Path:
        """Return a file that holds exactly the extents in this order, safe on the disk."""
        if is_contiguous(extents, os.fstat(self._data).st_size):
            os.fsync(self._data)
            return self._folder / _DATA
        return self._assembled(extents)

    def is_linked_to(self, path: Path) -> bool:
        """Tell whether a completion got as far as giving the object its name."""
        candidates = (self._folder / _DATA, self._folder / _ASSEMBLED)
        return path.exists() and any(c.exists() and c.samefile(path) for c in candidates)

    def _write(self, data: memoryview, offset: int) -> None:
        try:
            written = write_direct(self._data, data, offset)
            write_all(self._data, data[written:], offset + written)
        except OSError:
            # A full disk gets back what the broken part took of it.
            os.ftruncate(self._data, offset)
            raise
        self._start_write_back(offset + written, len(data) - written)

    def _start_write_back(self, offset: int, size_bytes: int) -> None:
        # Linux answers this advice by starting to write the range, so that the last fsync finds
        # little left to do (10 ms for 1 GiB on a fast disk, instead of 400 ms).
        if size_bytes and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._data, offset, size_bytes, os.POSIX_FADV_DONTNEED)

    def _count(self) -> int:
        # Integer division: a torn record at the end was never acknowledged.
        return os.fstat(self._index).st_size // _RECORD.size

    def _extent(self, position: int) -> tuple[int, Extent]:
        record = os.pread(self._index, _RECORD.size, position * _RECORD.size)
        number, crc32, offset, size_bytes = _RECORD.unpack(record)
        return number, Extent(offset, size_bytes, crc32)

    def _assembled(self, extents: Sequence[Extent]) -> Path:
        # A new file, never the old one cut to nothing: that may be an object's already.
        path = self._folder / _ASSEMBLED
        path.unlink(missing_ok=True)
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            for extent in extents:
                _copy(self._data, target, extent)
            os.fsync(target)
        finally:
            os.close(target)
        return path


def make_upload(folder: Path) -> None:
    """Make the files of a new upload in its folder."""
    for name in (_INDEX, _DATA):
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def open_upload(folder: Path) -> Iterator[UploadFiles]:
    """Lock an upload and lend its files; NotFound when there is none (any more)."""
    try:
        data = os.open(folder / _DATA, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_upload() from error
    try:
        lock(data, timeout_s=LOCK_TIMEOUT_S)
        with _opened_index(folder) as index:
            yield UploadFiles(folder, data, index)
    finally:
        os.close(data)


def remove_upload(folder: Path) -> None:
    """Remove the files and the folder of an upload whose lock is held or that has no data.

    `data` goes first: without it the upload does not exist, whatever a crash leaves behind.
    """
    for name in (_DATA, _INDEX, _ASSEMBLED):
        (folder / name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # two may drop the same upload
        folder.rmdir()


@contextmanager
def _opened_index(folder: Path) -> Iterator[int]:
    # While we waited for the lock, its holder may have completed or dropped the upload; then the
    # file that we have open may be an object by now.
    try:
        (folder / _DATA).stat()
        index = os.open(folder / _INDEX, os.O_RDWR)
    except FileNotFoundError as error:
        raise _no_upload() from error
    try:
        yield index
    finally:
        os.close(index)


def _no_upload() -> NotFound:
    return NotFound("there is no such upload", hint="It was completed or dropped; begin anew.")


def _copy(source: int, target: int, extent: Extent) -> None:
    position = extent.offset
    while position < extent.end:
        wanted = extent.end - position
        if hasattr(os, "copy_file_range"):
            copied = os.copy_file_range(source, target, wanted, position)
        else:
            copied = os.write(target, os.pread(source, min(wanted, CHUNK_BYTES), position))
        if copied == 0:
            raise OSError(errno.EIO, "the data file is shorter than its index")
        position += copied
