"""Read parts of an archive wherever it lies, in windows that grow with what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chalicelib.domain.errors import IntegrityFailed, InvalidRequest, StorageFailed
from chalicelib.postgres_ports import Ranges

FIRST_WINDOW_BYTES: Final = 128 << 10
LAST_WINDOW_BYTES: Final = 4 << 20
"""Small tables cost little, and large ones few requests; no more than half is read in vain."""

_CHUNK_BYTES: Final = 256 << 10


@dataclass
class Windows:
    """Read a source from any place on, and count what was read.

    Its size is taken once: a file that shrinks has lost something.
    """

    source: Ranges
    beat: Callable[[], None]
    read_bytes: int = field(default=0, init=False)
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        """Take the size."""
        self.size_bytes = self.source.size_bytes

    def between(self, start: int, end: int) -> Iterator[bytes]:
        """Yield chunks of a range; each window is asked for when it is needed."""
        window_bytes = FIRST_WINDOW_BYTES
        while start < end:
            self.beat()
            upto = min(start + window_bytes, end)
            yield from self._window(start, upto)
            start, window_bytes = upto, min(window_bytes * 2, LAST_WINDOW_BYTES)

    def _window(self, start: int, end: int) -> Iterator[bytes]:
        missing = end - start
        for chunk in self.source.read(start, end):
            missing -= len(chunk)
            self.read_bytes += len(chunk)
            yield chunk
        if missing:
            raise IntegrityFailed(f"{missing} bytes of the archive are not there")


@dataclass(frozen=True)
class FileRanges:
    """Read a file."""

    path: Path

    @property
    def size_bytes(self) -> int:
        """How long the file is now."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise _refused(self.path, error) from error

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `end`, fewer when the file is shorter."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
                    start += len(chunk)
                    yield chunk
        except OSError as error:
            raise _refused(self.path, error) from error


def _refused(path: Path, error: OSError) -> StorageFailed | InvalidRequest:
    if isinstance(error, FileNotFoundError):
        return InvalidRequest(f"{path} is not there", hint="Name a dump file.", field="file")
    return StorageFailed(f"{path} cannot be read: {error.strerror}")
