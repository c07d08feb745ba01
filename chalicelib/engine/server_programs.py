"""Find PostgreSQL server programs, and an account that may run them.

PostgreSQL refuses to run as root, so root hands the server to an unprivileged account that exists
already. That account may be unable to reach the programs (a virtual environment in a private home):
then they are copied, and no folder of anybody is opened for it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.domain.errors import Internal, VersionUnsupported
from chalicelib.engine.clients import DEBIAN_ROOT, wheel_folders
from chalicelib.engine.process import Child, Start, output_of

ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
ACCOUNTS: Final = ("postgres", "nobody")
ANSWER_TIMEOUT_S: Final = 10.0
VERSION: Final = re.compile(r"\d+(?:\.\d+|devel|beta\d+|rc\d+)")


@dataclass(frozen=True)
class ServerPrograms:
    """Name a folder with initdb and postgres, and their version."""

    version: str
    bin_dir: Path

    @property
    def major(self) -> int:
        """The major version."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def find_servers(
    debian_root: Path = DEBIAN_ROOT, configured: Sequence[Path] = ()
) -> list[ServerPrograms]:
    """Find server programs: in the given folders, the embedded wheel's, Debian's; newest first."""
    folders = [*configured, *wheel_folders(), *sorted(debian_root.glob("*/bin"))]
    found = [
        ServerPrograms(_version_of(folder), folder)
        for folder in folders
        if (folder / "postgres").is_file() and (folder / "initdb").is_file()
    ]
    return sorted(found, key=lambda server: server.major, reverse=True)


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account a server must run under; None means our own will do."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Internal(
        "no unprivileged account was found to run PostgreSQL",
        hint="Run as an ordinary user, or create the account postgres.",
    )


def reachable_programs(bin_dir: Path, account: pwd.struct_passwd | None, spare: Path) -> Path:
    """Return a folder of the programs that the account can run: the given one or a copy."""
    return bin_dir if _can_run(bin_dir, account) else _copied(bin_dir, spare)


def reachable_parent(account: pwd.struct_passwd | None, candidates: Sequence[Path]) -> Path:
    """Return the first folder that the account can get into; Internal when there is none.

    A private TMPDIR of root is closed to the account that the server runs under.
    """
    for folder in candidates:
        if folder.is_dir() and (account is None or _is_open(folder.resolve())):
            return folder
    raise Internal(
        "the account that PostgreSQL runs under can reach no folder for temporary files",
        hint="Set TMPDIR to a folder that other accounts may enter.",
    )


def _is_open(folder: Path) -> bool:
    return all(f.stat().st_mode & stat.S_IXOTH for f in (folder, *folder.parents))


def _version_of(folder: Path) -> str:
    said = output_of([folder / "postgres", "--version"], ENVIRONMENT, timeout_s=ANSWER_TIMEOUT_S)
    match = VERSION.search(said)
    if match is None:
        raise VersionUnsupported(f"the postgres in {folder} does not say its version")
    return match[0]


def _can_run(folder: Path, account: pwd.struct_passwd | None) -> bool:
    start = Start([folder / "postgres", "--version"], ENVIRONMENT, account=account)
    try:
        with Child(start) as child:
            child.wait(ANSWER_TIMEOUT_S)
    except Internal:
        return False
    return child.exit_code == 0


def _copied(bin_dir: Path, target: Path) -> Path:
    """Copy an installation to where the account can reach it; nothing of the original changes."""
    root = bin_dir.parent
    copy = target / root.parent.name / root.name
    for part in ("bin", "lib", "share"):
        if (root / part).is_dir():
            shutil.copytree(root / part, copy / part, symlinks=True)
    libraries = root.parent.parent / f"{root.parent.name}.libs"
    if libraries.is_dir():  # wheels keep the libraries they bring beside the package
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return copy / "bin"
