"""What a client program is told: an environment spelled out, and a password file that goes away.

Nothing of our own environment reaches a child, no password is in its environment or arguments, and
the address is pinned to the one that was reached and checked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.exhaustion import scratch_failure
from chalicelib.engine.connection import CONNECT_TIMEOUT_S, NO_FILE, SessionOptions

LOCALE: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def child_environment(
    connection: Connection, options: SessionOptions, password_file: Path
) -> dict[str, str]:
    """Return all variables of a client program, and nothing else."""
    endpoint = connection.endpoint
    environment = {
        **LOCALE,
        "HOME": "/nonexistent",
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.user,
        "PGDATABASE": endpoint.database,
        "PGPASSFILE": str(password_file),
        "PGSSLMODE": endpoint.sslmode.value,
        "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S),
        "PGAPPNAME": options.application_name,
        "PGSERVICEFILE": "/dev/null",
        "PGSYSCONFDIR": NO_FILE,
    }
    if endpoint.trusted_roots is not None:
        environment["PGSSLROOTCERT"] = endpoint.trusted_roots
    if options.hostaddr is not None and not endpoint.is_socket:
        environment["PGHOSTADDR"] = options.hostaddr
    return environment


def password_line(password: str) -> str:
    """Return the one line of a password file; it fits every host, for the file has one reader."""
    if any(letter in password for letter in "\r\n\0"):
        raise InvalidRequest(
            "a password with a line break cannot be handed to PostgreSQL's programs",
            hint="Give the role a password of one line.",
            field="password",
        )
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


@contextmanager
def password_file(password: str, scratch: Path) -> Iterator[Path]:
    """Keep the password in a file only we and our children can read, while the block runs.

    On Linux it lies in memory and goes with this process, however that ends: a kill -9 leaves no
    password behind. Elsewhere it lies in `scratch`.
    """
    line = password_line(password)
    keep = _in_memory(line) if hasattr(os, "memfd_create") else file_on_disk(line, scratch)
    with keep as path:
        yield path


@contextmanager
def _in_memory(line: str) -> Iterator[Path]:
    try:
        descriptor = os.memfd_create("pgpass")
    except OSError as error:
        raise scratch_failure("no file in memory could be made", error) from error
    try:
        os.fchmod(descriptor, 0o600)  # libpq ignores a password file that others may read
        os.write(descriptor, line.encode())
        # not the child's own number: it inherits nothing, and opens our file while we live
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


@contextmanager
def file_on_disk(line: str, scratch: Path) -> Iterator[Path]:
    """Keep a line in a file of its own below scratch; ScratchTooSmall when there is no room."""
    try:
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="holdfast-", dir=scratch))
    except OSError as error:
        raise scratch_failure("no folder could be made in scratch", error) from error
    try:
        yield _written(folder / "pgpass", line)
    finally:
        shutil.rmtree(folder)


def _written(path: Path, line: str) -> Path:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line)
    except OSError as error:
        raise scratch_failure("scratch takes no file", error) from error
    return path
