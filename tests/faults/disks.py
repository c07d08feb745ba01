"""Disks in memory that can be made too small; only root may mount them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOM_BYTES: Final = 64 << 20


def may_mount() -> bool:
    """Tell whether disks can be mounted here."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and tried.returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk with room enough, for now."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder))
    try:
        yield
    finally:
        _run("umount", str(folder))


@contextmanager
def only(folder: Path, free_bytes: int) -> Iterator[None]:
    """Leave so many bytes of a disk free, for a while."""
    found = os.statvfs(folder)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    _run("mount", "-o", f"remount,size={used + free_bytes}", str(folder))
    try:
        yield
    finally:
        _run("mount", "-o", f"remount,size={ROOM_BYTES}", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
