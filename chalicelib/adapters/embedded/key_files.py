"""Key files: made on first use, whole or not at all, for their owner's eyes only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from chalicelib.adapters.embedded.disk import create_file, make_folder, translated
from chalicelib.domain.errors import StorageFailed


def load_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the key in the file, after making it when there is none.

    Of several processes that make it at once one wins, and all return the winner's key.
    """
    key = load(path)
    if key is not None:
        return key
    with translated(f"cannot make the key file {path.name}"):
        make_folder(path.parent)
        create_file(path, make())
    made = load(path)
    if made is None:
        raise StorageFailed(f"the key file {path.name} vanished while it was made")
    return made


def load(path: Path) -> bytes | None:
    """Return the key in the file; None when there is no file.

    Raises StorageFailed when others than its owner may read or write it.
    """
    with translated(f"cannot read the key file {path.name}"):
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            _require_private(path, os.fstat(fd).st_mode)
            return file.read()


def _require_private(path: Path, mode: int) -> None:
    if mode & 0o077:
        raise StorageFailed(
            f"the key file {path.name} can be read by others (mode {mode & 0o777:03o})",
            hint=f"Run `chmod 600 {path.name}` in its folder, and think about a new key.",
        )
