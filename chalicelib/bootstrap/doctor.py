"""Look whether a machine has what backups need: Python, PostgreSQL clients, a folder, room."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.engine.clients import Client, Clients

PYTHON: Final = (3, 11)
LITTLE_SPACE_BYTES: Final = 1_000_000_000


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at this machine; on AWS it runs no backups, so that only its Python is of interest."""
    yield _python()
    if settings.table:
        return
    yield from client_findings(_clients(settings.client_dirs), floor_policy=settings.floor_policy)
    yield _folder(settings.data.absolute())
    yield _space(settings.data.absolute())


def client_findings(clients: Clients, *, floor_policy: str) -> Iterator[Finding]:
    """Judge every installation; none at all, or a broken one, keeps backups from working."""
    try:
        found = clients.find()
    except HoldfastError as error:
        yield Finding("postgresql clients", Verdict.MISSING, error.message, error.hint)
        return
    if not found:
        hint = "Install them (apt install postgresql-client), or `pip install 'holdfast[demo]'`."
        yield Finding("postgresql clients", Verdict.MISSING, "none", hint)
    for client in found:
        yield client_finding(client, floor_policy=floor_policy)


def client_finding(client: Client, *, floor_policy: str) -> Finding:
    """Judge one installation of the client programs."""
    traits = [f"{client.version} in {client.bin_dir}"]
    traits.append("TLS" if client.has_tls else "no TLS")
    traits.append("zstd" if client.has_zstd else "no zstd")
    hints = []
    if client.version.is_below_floor:
        hints.append(f"It has a known hole; install {client.version.floor} or newer.")
    if not client.has_tls:
        hints.append("It cannot back up servers that need TLS.")
    verdict = Verdict.WARNING if hints else Verdict.OK
    if client.version.is_below_floor and floor_policy == "refuse":
        verdict = Verdict.MISSING
    return Finding("postgresql clients", verdict, ", ".join(traits), " ".join(hints))


def _python() -> Finding:
    good = sys.version_info >= PYTHON
    hint = "" if good else "Install Python 3.11 or newer."
    return Finding(
        "python", Verdict.OK if good else Verdict.MISSING, platform.python_version(), hint
    )


@cache
def _clients(client_dirs: tuple[Path, ...]) -> Clients:
    # imported here, so that an API without workers never loads the engine; made once, because a
    # look at an installation starts its programs
    from chalicelib.engine.clients import Clients, default_folders

    return Clients(default_folders(client_dirs))


def _folder(data: Path) -> Finding:
    place = _nearest(data)
    try:
        # a real file, because permission bits do not tell of read-only and full file systems
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = (error.strerror or "").lower()
        return Finding(
            "data folder",
            Verdict.MISSING,
            f"{data}: {reason}",
            "Choose a folder that this user may write to with --data or HOLDFAST_DATA.",
        )
    state = "" if data.is_dir() else " (will be made)"
    if data.is_dir() and data.stat().st_mode & 0o077:
        hint = f"Others can look into it: chmod 700 {data}."
        return Finding("data folder", Verdict.WARNING, str(data), hint)
    return Finding("data folder", Verdict.OK, f"{data}{state}")


def _space(data: Path) -> Finding:
    # exists, which follows links: of a dangling one nothing could be measured
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free_bytes = shutil.disk_usage(place).free
    found = f"{free_bytes / LITTLE_SPACE_BYTES:.1f} GB"
    if free_bytes < LITTLE_SPACE_BYTES:
        return Finding("free space", Verdict.WARNING, found, "Make room before large backups.")
    return Finding("free space", Verdict.OK, found)


def _nearest(path: Path) -> Path:
    # a dangling link counts: nothing can be made in its place
    return next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
