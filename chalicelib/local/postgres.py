"""Run a PostgreSQL server of one's own, for trying things out and for tests.

The server lives in a fresh private folder, listens on 127.0.0.1 and on a unix socket, and leaves
nothing behind when it is closed: data, sockets, copied programs, shared memory.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import psycopg

from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.domain.errors import Internal
from chalicelib.engine.process import Child, Start
from chalicelib.local.server_programs import (
    ENVIRONMENT,
    ServerPrograms,
    reachable_parent,
    reachable_programs,
    unprivileged_account,
)

SUPERUSER: Final = "postgres"
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
START_TRIES: Final = 20
RETRY_PAUSE_S: Final = 0.1
SPARE_PARENTS: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - parents of private folders
IPC_RMID: Final = 0  # linux/ipc.h
SHARED_MEMORY_LINE: Final = 6  # of postmaster.pid, counted from 0: "key id"


@dataclass(frozen=True)
class LocalSettings:
    """Say how a local server runs; `ssl_cert` and `ssl_key` are PEM files, given together.

    `durable` False gives up fsync: a crash of the machine then loses the data.
    """

    durable: bool = True
    ssl_cert: Path | None = None
    ssl_key: Path | None = None
    options: tuple[tuple[str, str], ...] = ()


class LocalPostgres:
    """Own one server from its first start until `close`; as a context manager it does both."""

    def __init__(self, programs: ServerPrograms, settings: LocalSettings | None = None) -> None:
        """Choose the programs; nothing is made before `start`."""
        self._programs = programs
        self._settings = settings or LocalSettings()
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

    def connection(self, database: str = "postgres") -> Connection:
        """Return how the superuser reaches a database over TCP."""
        endpoint = Endpoint(
            host="127.0.0.1",
            port=self.port,
            database=database,
            user=SUPERUSER,
            sslmode=SslMode.PREFER,
        )
        return Connection(endpoint, self._password)

    def url(self, database: str = "postgres") -> str:
        """Return the same as a URL; it holds the password."""
        credentials = f"{SUPERUSER}:{quote(self._password, safe='')}"
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self) -> None:
        """Make the data folder if there is none, start the server, wait until it answers."""
        if self._child is not None:
            return
        try:
            if self._home is None:
                self._make_home()
            self._start_on_free_port()
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """Shut down fast (sessions are ended), by force if that takes long; the data stays."""
        if self._child is not None:
            self._child.send(signal.SIGINT)
            if not self._child.wait(STOP_TIMEOUT_S):
                self._child.send(signal.SIGQUIT)
                self._child.wait(STOP_TIMEOUT_S)
            self._reap()

    def kill(self) -> None:
        """Kill all processes as a crash would; `start` then recovers the data."""
        if self._child is not None:
            backends = _children(self._child.pid)
            self._child.send(signal.SIGKILL)
            self._child.wait(STOP_TIMEOUT_S)
            # A backend that outlives its postmaster keeps the shared memory, hence the data.
            for pid in backends:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._reap()

    def restart(self) -> None:
        """Stop, then start on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server and remove everything it had."""
        self.stop()
        if self._home is not None:
            _remove_shared_memory(self._home / "data" / "postmaster.pid")
            shutil.rmtree(self._home)
            self._home = None

    def _folder(self) -> Path:
        if self._home is None:
            raise Internal("the local PostgreSQL was not started")
        return self._home

    def _make_home(self) -> None:
        parent = reachable_parent(self._account, [Path(tempfile.gettempdir()), *SPARE_PARENTS])
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-pg-", dir=parent))
        self._server_dir = reachable_programs(
            self._programs.bin_dir, self._account, self._home / "programs"
        )
        (self._home / "sockets").mkdir(mode=0o700)
        self._copy_certificate()
        password_file = self._home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password + "\n")
        _give(self._home, self._account)
        self._initialise(password_file)
        password_file.unlink()

    def _copy_certificate(self) -> None:
        # The server takes a key file only from its own account and closed to all others.
        for source, name in (
            (self._settings.ssl_cert, "server.crt"),
            (self._settings.ssl_key, "server.key"),
        ):
            if source is not None:
                target = self._folder() / name
                target.touch(mode=0o600)
                target.write_bytes(source.read_bytes())

    def _initialise(self, password_file: Path) -> None:
        argv: list[str | Path] = [
            self._server_dir / "initdb",
            f"--pgdata={self._folder() / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        log = self._folder() / "initdb.log"
        with log.open("wb") as output:
            start = Start(argv, ENVIRONMENT, stdout=output, stderr=output, account=self._account)
            with Child(start) as child:
                ended = child.wait(START_TIMEOUT_S)
        if not ended or child.exit_code != 0:
            raise Internal(f"initdb failed: {_last_line(log)}", hint="Look at free disk space.")

    def _start_on_free_port(self) -> None:
        for _ in range(START_TRIES):
            self.port = self.port or _free_port()
            if self._started():
                return
            self._reap()
            said = self._log.read_text(errors="replace")
            if "could not bind" in said:  # somebody took the port since we looked
                self.port = 0
            elif "still in use" in said:  # killed backends have not quite gone
                threading.Event().wait(RETRY_PAUSE_S)
            else:
                break
        raise Internal(
            f"the local PostgreSQL did not start: {_last_line(self._log)}",
            hint="Free some disk space and memory, then try again.",
        )

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
        return self._answers(time.monotonic() + START_TIMEOUT_S)

    def _answers(self, deadline: float) -> bool:
        pause = threading.Event()
        while self._child is not None and not self._child.has_exited():
            try:
                self._say_hello()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise Internal("the local PostgreSQL does not answer") from error
                pause.wait(0.02)
            else:
                return True
        return False

    def _say_hello(self) -> None:
        psycopg.connect(
            host=str(self.socket_dir),
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname="postgres",
            connect_timeout=5,
        ).close()

    def _argv(self) -> list[str | Path]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir),
            # In the data folder, so that a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            **self._durability(),
            **self._encryption(),
            **dict(self._settings.options),
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [self._server_dir / "postgres", "-D", self._folder() / "data", *settings]

    def _durability(self) -> dict[str, str]:
        if self._settings.durable:
            return {}
        return {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

    def _encryption(self) -> dict[str, str]:
        if self._settings.ssl_cert is None:
            return {}
        home = self._folder()
        return {
            "ssl": "on",
            "ssl_cert_file": str(home / "server.crt"),
            "ssl_key_file": str(home / "server.key"),
        }

    def _reap(self) -> None:
        if self._child is None:
            return
        self._child.close(grace_s=0)
        self._child = None


def _give(folder: Path, account: pwd.struct_passwd | None) -> None:
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listing.read_text().split()] if listing.is_file() else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
