"""Do things to files so that a crash leaves the old state or the new one.

Every OSError becomes StorageFailed by one table; nothing here decides what to store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from chalicelib.domain.errors import StorageFailed

T = TypeVar("T")

FOLDER_TRIES: Final = 100
"""How often a folder is made again when a deletion prunes it before it is used."""

_FULL = "Free space (`holdfast backups list` shows what lies there), then try again."
_RIGHTS = "Give the user that runs Holdfast the right to write there."
_BROKEN = "Check the disk and the system's log before anything else is written to it."

CAUSES: Final[dict[int, tuple[str, str]]] = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("the disk quota is used up", _FULL),
    errno.EFBIG: ("the file is larger than the disk allows", "Use another file system."),
    errno.EACCES: ("the permission is missing", _RIGHTS),
    errno.EPERM: ("the system does not permit it", _RIGHTS),
    errno.EROFS: ("the disk is mounted read-only", _RIGHTS),
    errno.EIO: ("the disk reported an error", _BROKEN),
    errno.EMFILE: ("too many files are open", "Raise the limit of open files (ulimit -n)."),
    errno.ENFILE: ("too many files are open", "Raise the system's limit of open files."),
}


def storage_failure(doing: str, error: OSError) -> StorageFailed:
    """Translate what the system said into a failure of the store."""
    cause, hint = CAUSES.get(error.errno or 0, ((error.strerror or "unknown cause").lower(), None))
    return StorageFailed(f"{doing}: {cause}", hint=hint)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn an OSError of the block into StorageFailed; `doing` says what could not be done."""
    try:
        yield
    except OSError as error:
        raise storage_failure(doing, error) from error


def write_all(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all bytes at the offset; the system may take them in several pieces."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folders(folder: Path, root: Path) -> None:
    """Make the names from a folder up to the root durable."""
    while folder != root.parent:
        sync_folder(folder)
        folder = folder.parent


def make_folder(folder: Path) -> None:
    """Make the folder and all that are missing above it, for their owner only."""
    # Path.mkdir's own `parents` gives the mode to the last folder alone.
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        # Not exist_ok, which fails when the folder is made and pruned by others meanwhile.
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)


def in_folder(folder: Path, action: Callable[[], T]) -> T:
    """Run the action with the folder made, again if `prune` was quicker to remove it."""
    for _ in range(FOLDER_TRIES - 1):
        with suppress(FileNotFoundError):
            make_folder(folder)
            return action()
    make_folder(folder)
    return action()


def prune(folder: Path, root: Path) -> None:
    """Remove the folder and its parents below the root, as long as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass  # somebody else pruned here; its parents may still be empty
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return
            raise
        folder = folder.parent


def create_file(path: Path, data: bytes) -> bool:
    """Make a private file with this content, durably; False when it exists already.

    It appears whole or not at all: a crash leaves at most a file with another name.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        write_private(draft, data)
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def replace_file(path: Path, data: bytes) -> None:
    """Put a private file in the place of the old one, durably.

    The caller holds a lock, so the draft can have a fixed name and a crash leaves one at most.
    """
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    write_private(draft, data)
    draft.replace(path)
    sync_folder(path.parent)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, and wait until it is on the disk."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(fd, data, 0)
        os.fsync(fd)
    finally:
        os.close(fd)
