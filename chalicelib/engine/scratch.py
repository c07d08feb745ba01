"""A PostgreSQL server for one proof: private, small, quick, forgetful, gone afterwards.

It listens on a unix socket in a folder of its own, never on the network, runs no background job of
any extension, and keeps no promise about crashes. A worker that is killed takes it along; the
folder it left is removed when the next scratch server starts on the machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.domain.errors import Internal, ScratchTooSmall, VersionUnsupported
from chalicelib.engine.environment import password_line
from chalicelib.engine.own_server import (
    SPARE_PARENTS,
    SUPERUSER,
    UNDURABLE,
    Lodging,
    OwnServer,
    idle,
    postmaster_of,
    remove_home,
)
from chalicelib.engine.server_programs import (
    ServerPrograms,
    reachable_parent,
    unprivileged_account,
)

PREFIX: Final = "holdfast-scratch-"
PORT: Final = 5432
"""Only part of the socket's name: no two scratch servers share a folder."""

LONGEST_PARENT: Final = 60
"""Letters of a folder that leave room for a socket's path, which may have 107."""

BASE_BYTES: Final = 128 << 20
"""What an empty server takes: its templates, its first log files, a copy of its programs."""

GROWTH: Final = 1.3
"""A restored database against the source's: smaller as a rule, for it has no dead rows, but
indexes are built by sorting, which takes room meanwhile."""

RAW_GROWTH: Final = 3.0
"""The same against the bytes of COPY text, when the source's size is not known."""

STORED_GROWTH: Final = 12.0
"""The same against a compressed dump, when that is all there is."""

UNFINISHED_S: Final = 60.0
ENDING_S: Final = 5.0
IO_METHODS_SINCE: Final = 18
EVENT_TRIGGERS_SINCE: Final = 17

SMALL: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "16",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "64MB",
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "autovacuum": "off",
    "jit": "off",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "logging_collector": "off",
    # one transaction restores everything, and holds a lock for every object it makes
    "max_locks_per_transaction": "4096",
    **UNDURABLE,
}


class ScratchServer(OwnServer):
    """Own one scratch server; a context manager."""

    def __init__(
        self, programs: ServerPrograms, folder: Path, beat: Callable[[], None] = idle
    ) -> None:
        """Choose programs and the folder it lives below, if the server's account can enter it."""
        super().__init__(programs, Lodging(PREFIX, _short(folder)), beat)
        self.port = PORT
        self._lock: int | None = None

    def connection(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> Connection:
        """Return how to reach a database over the private socket."""
        endpoint = Endpoint(
            host=str(self.socket_dir),
            port=self.port,
            database=database,
            user=user,
            sslmode=SslMode.DISABLE,
        )
        return Connection(endpoint, self._password if password is None else password)

    @property
    def password_file(self) -> Path:
        """The password file for clients that run under the server's account."""
        return self._folder() / "pgpass"

    @property
    def major(self) -> int:
        """The major version."""
        return self._programs.major

    def note(self, name: str, text: str) -> Path:
        """Keep a text where programs under the server's account can read it; return its path."""
        path = self._folder() / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def start(self) -> None:
        """Remove what killed predecessors left, then start."""
        sweep(parents(self._lodging.parents))
        super().start()

    def close(self) -> None:
        """End the server at once, for nothing in it is kept, and remove everything."""
        self._end(signal.SIGQUIT)
        super().close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _furnish(self, home: Path) -> None:
        # whoever can take this lock knows that the worker is gone
        self._lock = _locked(home)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password_line(self._password))

    def _options(self) -> dict[str, str]:
        options = {**super()._options(), **SMALL}
        if self.major >= IO_METHODS_SINCE:
            options["io_method"] = "sync"
        if self.major >= EVENT_TRIGGERS_SINCE:
            # some fire at every login, and none of them is ours to run
            options["event_triggers"] = "off"
        return options


def programs_for(
    found: Sequence[ServerPrograms], server_major: int, client_major: int
) -> ServerPrograms:
    """Choose the server programs for a dump: the source's major, else the next above.

    A dump says what its client's major understands, so an older server cannot take it.
    """
    wanted = max(server_major, client_major)
    fitting = [one for one in found if one.major >= wanted]
    if not fitting:
        at_hand = ", ".join(one.version for one in found) or "none"
        raise VersionUnsupported(
            f"a proof needs the server programs of PostgreSQL {wanted}, and at hand are {at_hand}",
            hint=f"Install the PostgreSQL {wanted} server, or ask for verification archive.",
        )
    return min(fitting, key=lambda one: one.major)


def room_needed(database_bytes: int | None, raw_bytes: int | None, stored_bytes: int | None) -> int:
    """Estimate the bytes that a restored copy takes, from the best that is known."""
    if database_bytes is not None:
        return BASE_BYTES + int(database_bytes * GROWTH)
    if raw_bytes is not None:
        return BASE_BYTES + int(raw_bytes * RAW_GROWTH)
    return BASE_BYTES + int((stored_bytes or 0) * STORED_GROWTH)


def require_room(needed_bytes: int, free_bytes: int, folder: Path) -> None:
    """Refuse with ScratchTooSmall, with the figures, when there is too little room."""
    if free_bytes < needed_bytes:
        raise ScratchTooSmall(
            f"a proof needs about {needed_bytes} bytes of scratch and {free_bytes} are free",
            hint=f"Free some space below {folder}, or ask for verification archive.",
        )


def room_free(folder: Path) -> int | None:
    """Return the room where a scratch server that prefers this folder is made; None: nowhere."""
    try:
        return free_bytes(reachable_parent(unprivileged_account(), parents(_short(folder))))
    except Internal:
        return None


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of a folder, or of its nearest parent that is there."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def parents(first: Iterable[Path]) -> list[Path]:
    """Return the folders that scratch servers may live below."""
    return list(dict.fromkeys([*first, Path(tempfile.gettempdir()), *SPARE_PARENTS]))


def _short(folder: Path) -> tuple[Path, ...]:
    return (folder,) if len(str(folder)) <= LONGEST_PARENT else ()


def sweep(folders: Iterable[Path]) -> None:
    """Remove what scratch servers of killed workers left; those of living ones stay."""
    for folder in folders:
        for home in folder.glob(PREFIX + "*"):
            with suppress(FileNotFoundError, PermissionError):  # gone already, or somebody else's
                _remove_if_left(home)


def _remove_if_left(home: Path) -> None:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        # one that is being made has no data yet, and for a moment no lock
        is_old = time.time() - home.stat().st_mtime > UNFINISHED_S
        if (home / "data").exists() or is_old:
            _end_postmaster(home)
            remove_home(home)
    finally:
        os.close(descriptor)


def _end_postmaster(home: Path) -> None:
    """End a server whose worker was killed, should it still be on its way out."""
    pid = postmaster_of(home)
    deadline = time.monotonic() + ENDING_S
    pause = threading.Event()
    while pid is not None and _serves(pid, home) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        pause.wait(0.05)


def _serves(pid: int, home: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _locked(home: Path) -> int:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
