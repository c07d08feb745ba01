"""Own a PostgreSQL server: make its private folder, start it, end it, leave nothing behind.

What all servers of our own share. The folder is readable by the server's account only; the server
dies with the thread that started it, and whoever owns it removes data, sockets, copied programs and
shared memory.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

import psycopg

from chalicelib.domain.errors import Internal
from chalicelib.engine.process import Child, Start
from chalicelib.engine.server_programs import (
    ENVIRONMENT,
    ServerPrograms,
    reachable_parent,
    reachable_programs,
    unprivileged_account,
)
from chalicelib.engine.unknown_user import naming

SUPERUSER: Final = "postgres"
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
LOOK_S: Final = 0.02
SPARE_PARENTS: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - parents of private folders
IPC_RMID: Final = 0  # linux/ipc.h
SHARED_MEMORY_LINE: Final = 6  # of postmaster.pid, counted from 0: "key id"
UNDURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings that give up durability: a crash of the machine then loses the data."""


@dataclass(frozen=True)
class Lodging:
    """Say where a server's folder is made: below the first parent its account can get into."""

    prefix: str
    parents: tuple[Path, ...] = ()


def idle() -> None:
    """Be the beat of whoever has nothing to look at while a server starts."""


class OwnServer:
    """Own one server from its first start until `close`; as a context manager it does both.

    Sub-classes say by `_options` how the server runs, and by `_begin` how it is started.
    """

    superuser: ClassVar[str] = SUPERUSER

    def __init__(
        self, programs: ServerPrograms, lodging: Lodging, beat: Callable[[], None] = idle
    ) -> None:
        """Choose the programs; nothing is made before `start`. What `beat` raises ends a start."""
        self._programs = programs
        self._lodging = lodging
        self._beat = beat
        self._account = unprivileged_account()
        self._home: Path | None = None
        self._server_dir = programs.bin_dir
        self._password = secrets.token_urlsafe(24)
        self._child: Child | None = None
        self.port = 0

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove everything."""
        self.close()

    @property
    def version(self) -> str:
        """The version, as in 18.6."""
        return self._programs.version

    @property
    def bin_dir(self) -> Path:
        """The folder of all programs of this version, clients too."""
        return self._programs.bin_dir

    @property
    def socket_dir(self) -> Path:
        """The folder of the unix socket."""
        return self._folder() / "sockets"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._child is None:
            raise Internal("the local PostgreSQL does not run")
        return self._child.pid

    @property
    def account(self) -> pwd.struct_passwd | None:
        """The account the server runs under; None: our own."""
        return self._account

    @property
    def reachable_bin_dir(self) -> Path:
        """The folder of the programs as that account can run them."""
        return self._server_dir

    @property
    def parent(self) -> Path:
        """The folder that the server's own folder is made in."""
        parents = [*self._lodging.parents, Path(tempfile.gettempdir()), *SPARE_PARENTS]
        return reachable_parent(self._account, parents)

    def start(self) -> None:
        """Make the data folder if there is none, start the server, wait until it answers."""
        if self._child is not None:
            return
        try:
            if self._home is None:
                self._make_home()
            self._begin()
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """Shut down fast (sessions are ended), by force if that takes long; the data stays."""
        self._end(signal.SIGINT)

    def close(self) -> None:
        """Stop the server and remove everything it had."""
        self.stop()
        if self._home is not None:
            remove_home(self._home)
            self._home = None

    # -- what sub-classes say ----------------------------------------------------------------

    def _options(self) -> dict[str, str]:
        """Return the server's settings."""
        return {
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir),
            # In the data folder, so that a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
        }

    def _begin(self) -> None:
        """Start the server, or say why it does not."""
        if not self._started():
            self._reap()
            raise self._refusal()

    def _furnish(self, home: Path) -> None:
        """Put what else the server needs into its new folder."""
        del home

    # -- what they use -----------------------------------------------------------------------

    def _folder(self) -> Path:
        if self._home is None:
            raise Internal("the local PostgreSQL was not started")
        return self._home

    def _make_home(self) -> None:
        home = Path(tempfile.mkdtemp(prefix=self._lodging.prefix, dir=self.parent))
        self._home = home
        self._furnish(home)
        self._server_dir = reachable_programs(
            self._programs.bin_dir, self._account, home / "programs"
        )
        (home / "sockets").mkdir(mode=0o700)
        password_file = home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password + "\n")
        _give(home, self._account)
        self._initialise(password_file)
        password_file.unlink()

    def _initialise(self, password_file: Path) -> None:
        argv: list[str | Path] = [
            self._server_dir / "initdb",
            f"--pgdata={self._folder() / 'data'}",
            f"--username={self.superuser}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        log = self._folder() / "initdb.log"
        with log.open("wb") as output:
            named = (
                ENVIRONMENT if self._account else ENVIRONMENT | naming(os.geteuid(), self._folder())
            )
            start = Start(argv, named, stdout=output, stderr=output, account=self._account)
            with Child(start) as child:
                ended = self._awaited(child.has_exited)
        if not ended or child.exit_code != 0:
            raise Internal(f"initdb failed: {_last_line(log)}", hint="Look at free disk space.")

    @property
    def _log(self) -> Path:
        return self._folder() / "server.log"

    def _started(self) -> bool:
        """Start the postmaster and wait for an answer; False when it ended instead."""
        with self._log.open("wb") as log:
            # SIGQUIT ends a postmaster at once, yet lets it remove its shared memory.
            self._child = Child(
                Start(
                    self._argv(),
                    ENVIRONMENT,
                    stdout=log,
                    stderr=log,
                    account=self._account,
                    death_signal=signal.SIGQUIT,
                )
            )
        child = self._child
        if not self._awaited(lambda: child.has_exited() or self._answers()):
            raise Internal("the local PostgreSQL does not answer")
        return not child.has_exited()

    def _refusal(self) -> Internal:
        return Internal(
            f"the local PostgreSQL did not start: {_last_line(self._log)}",
            hint="Free some disk space and memory, then try again.",
        )

    def _awaited(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        pause = threading.Event()
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._beat()
            pause.wait(LOOK_S)
        return True

    def _answers(self) -> bool:
        try:
            psycopg.connect(
                host=str(self.socket_dir),
                port=self.port,
                user=self.superuser,
                password=self._password,
                dbname="postgres",
                connect_timeout=5,
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def _argv(self) -> Sequence[str | Path]:
        settings = [f"--{name}={value}" for name, value in self._options().items()]
        return [self._server_dir / "postgres", "-D", self._folder() / "data", *settings]

    def _end(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send(number)
            if not self._child.wait(STOP_TIMEOUT_S):
                self._child.send(signal.SIGQUIT)
                self._child.wait(STOP_TIMEOUT_S)
            self._reap()

    def _reap(self) -> None:
        if self._child is None:
            return
        self._child.close(grace_s=0)
        self._child = None


def remove_home(home: Path) -> None:
    """Remove the folder of a server that has ended, and the shared memory a killed one left."""
    _remove_shared_memory(home / "data" / "postmaster.pid")
    shutil.rmtree(home)


def postmaster_of(home: Path) -> int | None:
    """Return the process id that the server of a folder wrote down; None when it has ended."""
    with suppress(FileNotFoundError, IndexError, ValueError):
        return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
    return None


def _give(folder: Path, account: pwd.struct_passwd | None) -> None:
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _remove_shared_memory(pid_file: Path) -> None:
    """Remove the segment that a killed postmaster left; one that stopped has removed both."""
    if not pid_file.is_file():
        return
    lines = pid_file.read_text().splitlines()
    if len(lines) > SHARED_MEMORY_LINE:
        segment = int(lines[SHARED_MEMORY_LINE].split()[1])
        ctypes.CDLL(None).shmctl(segment, IPC_RMID, None)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
