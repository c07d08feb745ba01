"""Where a part gathers before it is sent: in memory while it is small, else in a scratch file.

Parts grow with the length of a stream, memory must not. A scratch file has no name, so that
whatever ends the process takes the file along.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from chalicelib.domain.errors import ScratchTooSmall, StorageFailed
from chalicelib.ports import PartData

SPOOL_ABOVE_BYTES: Final = 16 << 20


class PartBuffer(Protocol):
    """Gather one part, then lend it to whoever sends it."""

    size_bytes: int

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        ...

    def content(self) -> PartData:
        """Return what was taken; nothing is written any more."""
        ...

    def close(self) -> None:
        """Give memory or disk back."""
        ...


def open_buffer(part_bytes: int, scratch: Path | None) -> PartBuffer:
    """Return a buffer for a part of that size; `scratch` is a folder, None: the system's own."""
    return MemoryBuffer() if part_bytes <= SPOOL_ABOVE_BYTES else ScratchBuffer(scratch)


class MemoryBuffer:
    """Gather a part in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self._data = bytearray()
        self.size_bytes = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        self._data += data
        self.size_bytes += len(data)

    def content(self) -> bytes:
        """Return the bytes; the buffer is empty then, so that they lie in memory once."""
        data = bytes(self._data)
        self._data = bytearray()
        return data

    def close(self) -> None:
        """Forget what is left."""
        self._data = bytearray()


class ScratchBuffer:
    """Gather a part in a file without a name."""

    def __init__(self, folder: Path | None) -> None:
        """Make the file; ScratchTooSmall when there is no room even for that."""
        with _translated():
            # the file outlives this call; `close` ends it
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self.size_bytes = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes; ScratchTooSmall when they do not fit."""
        with _translated():
            while data:
                written = self._file.write(data)
                data = data[written:]
                self.size_bytes += written

    def content(self) -> PartData:
        """Return the file."""
        return self._file

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ScratchTooSmall("the scratch space is full") from error
        raise StorageFailed(
            "the scratch space cannot be used",
            hint="Check that the worker may write to its folder for temporary files.",
        ) from error
