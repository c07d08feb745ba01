"""Where a part gathers before it is sent: in memory while it is small, else in a scratch file.

Parts grow with the length of a stream, memory must not. A scratch file has no name, so that
whatever ends the process takes the file along.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path
from typing import Final, Protocol

from chalicelib.domain.errors import ScratchTooSmall, StorageFailed
from chalicelib.domain.exhaustion import exhausted
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


class Buffers:
    """Give buffers out and take them back, so that the parts of a stream share their memory.

    Fresh memory costs a page fault for every 4 KiB of it, more than hashing and writing together.
    Whole pages of memory are what a store that writes past the page cache can use as they are.
    """

    def __init__(self, scratch: Path | None) -> None:
        """Begin with none; `scratch` is a folder, None: the system's own."""
        self._scratch = scratch
        self._spare: list[mmap] = []

    def take(self, part_bytes: int) -> PartBuffer:
        """Return an empty buffer for a part of that size; whoever took it closes it."""
        if part_bytes > SPOOL_ABOVE_BYTES:
            return ScratchBuffer(self._scratch)
        while self._spare:
            memory = self._spare.pop()
            # parts never get smaller again, so memory of another size is let go
            if len(memory) == part_bytes:
                return MemoryBuffer(memory, self._spare.append)
        return MemoryBuffer(mmap(-1, part_bytes), self._spare.append)

    def close(self) -> None:
        """Give all memory back."""
        self._spare.clear()


class MemoryBuffer:
    """Gather a part in memory that was made for it."""

    def __init__(self, memory: mmap, give_back: Callable[[mmap], object]) -> None:
        """Begin empty; the memory is handed on when the buffer closes."""
        self._memory: mmap | None = memory
        self._view = memoryview(memory)
        self._give_back = give_back
        self.size_bytes = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        end = self.size_bytes + len(data)
        self._view[self.size_bytes : end] = data
        self.size_bytes = end

    def content(self) -> memoryview:
        """Return the bytes; they are somebody else's once the buffer closes."""
        return self._view[: self.size_bytes]

    def close(self) -> None:
        """Hand the memory on; safe to call again."""
        memory, self._memory = self._memory, None
        if memory is not None:
            self._give_back(memory)


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
                # an unbuffered file may take less than it is given
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
        lacking = exhausted("the scratch space takes no file", error)
        raise lacking or StorageFailed(
            "the scratch space cannot be used",
            hint="Check that the worker may write to its folder for temporary files.",
        ) from error
