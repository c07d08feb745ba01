"""Files that appear whole or not at all, and never take another's place unless told to."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from chalicelib.domain.errors import InvalidRequest, StorageFailed

READ_BYTES: Final = 1024 * 1024


class PendingFile:
    """Write a file beside its final place, hashing on the way; `place` makes it appear.

    Leaving the context removes what was not placed. Being a `Sink`, it takes a dump's bytes.
    """

    def __init__(self, target: Path) -> None:
        """Name the final place; nothing is made yet."""
        self.target = target
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._path: Path | None = None
        self._file = -1

    def __enter__(self) -> Self:
        """Make the temporary file in the target's folder, so that placing it is only a rename."""
        with _told(self.target):
            # cut, so that what is added does not make a long name too long
            self._file, path = tempfile.mkstemp(
                prefix=f".{self.target.name[:100]}.", suffix=".part", dir=self.target.parent
            )
            self._path = Path(path)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file, if it is still one."""
        if self._file >= 0:
            os.close(self._file)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The digest of what was written."""
        return self._sha256.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        view = memoryview(data)
        self._sha256.update(view)
        self.size_bytes += len(view)
        with _told(self.target):
            while view:
                view = view[os.write(self._file, view) :]

    def flush(self) -> None:
        """Bring every byte to the disk."""
        with _told(self.target):
            os.fsync(self._file)

    def read_back(self) -> Iterator[bytes]:
        """Yield the file's bytes from the first to the last, as they are on disk."""
        if self._path is None:
            return
        yield from read_chunks(self._path)

    def place(self, *, replace: bool) -> None:
        """Make the file appear under its name, durably; InvalidRequest when that name is taken."""
        # before the rename: after a crash the name must not lead to half a file
        self.flush()
        if self._path is None:
            return
        with _told(self.target):
            os.fchmod(self._file, 0o600)
            if replace:
                self._path.replace(self.target)
            else:
                _rename_into_free_place(self._path, self.target)
            self._path = None
            _sync_folder(self.target.parent)


def place_together(*files: PendingFile, replace: bool) -> None:
    """Place files in order; when one of them cannot be placed, those before it go again."""
    placed: list[Path] = []
    try:
        for pending in files:
            pending.place(replace=replace)
            placed.append(pending.target)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise


def refuse_existing(*targets: Path) -> None:
    """Refuse with InvalidRequest when a file is there already, before any work is done."""
    for target in targets:
        if target.exists() or target.is_symlink():
            raise _taken(target)


def refuse_special(*targets: Path) -> None:
    """Refuse with InvalidRequest to replace what is no file: a device, a pipe, a folder."""
    for target in targets:
        if target.exists() and not target.is_file():
            raise InvalidRequest(
                f"{target} is not a file that could be replaced",
                hint="Name a file; /dev/null and the like would be gone afterwards.",
                field="output",
            )


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes; StorageFailed when it cannot be read."""
    with _told(path), path.open("rb", buffering=0) as file:
        while chunk := file.read(READ_BYTES):
            yield chunk


def _rename_into_free_place(source: Path, target: Path) -> None:
    try:
        # a link never replaces anything, which a rename would
        os.link(source, target)
        source.unlink()
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError:
        _reserve_and_replace(source, target)


def _reserve_and_replace(source: Path, target: Path) -> None:
    # for file systems without hard links (FAT, some network shares)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise _taken(target) from error
    source.replace(target)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # some network file systems cannot sync folders; there is nothing better to be had there
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _taken(target: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{target} exists already",
        hint="Choose another name, or give --force to replace it.",
        field="output",
    )


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StorageFailed(
            f"{target} failed: {reason}",
            hint="Check the path, its permissions and the free space, then try again.",
        ) from error
