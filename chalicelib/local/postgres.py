"""Run a PostgreSQL server of one's own, for trying things out and for tests.

The server lives in a fresh private folder, listens on 127.0.0.1 and on a unix socket, and leaves
nothing behind when it is closed: data, sockets, copied programs, shared memory.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.engine.own_server import (
    STOP_TIMEOUT_S,
    UNDURABLE,
    Lodging,
    OwnServer,
)
from chalicelib.engine.server_programs import ServerPrograms

START_TRIES: Final = 20
RETRY_PAUSE_S: Final = 0.1


@dataclass(frozen=True)
class LocalSettings:
    """Say how a local server runs; `ssl_cert` and `ssl_key` are PEM files, given together.

    `durable` False gives up fsync: a crash of the machine then loses the data.
    """

    durable: bool = True
    ssl_cert: Path | None = None
    ssl_key: Path | None = None
    options: tuple[tuple[str, str], ...] = ()


class LocalPostgres(OwnServer):
    """Own one server that listens on a free port of this machine."""

    def __init__(self, programs: ServerPrograms, settings: LocalSettings | None = None) -> None:
        """Choose the programs; nothing is made before `start`."""
        super().__init__(programs, Lodging("holdfast-pg-"))
        self._settings = settings or LocalSettings()

    def connection(self, database: str = "postgres") -> Connection:
        """Return how the superuser reaches a database over TCP."""
        endpoint = Endpoint(
            host="127.0.0.1",
            port=self.port,
            database=database,
            user=self.superuser,
            sslmode=SslMode.PREFER,
        )
        return Connection(endpoint, self._password)

    def url(self, database: str = "postgres") -> str:
        """Return the same as a URL; it holds the password."""
        credentials = f"{self.superuser}:{quote(self._password, safe='')}"
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{quote(database, safe='')}"

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

    def _furnish(self, home: Path) -> None:
        # The server takes a key file only from its own account and closed to all others.
        for source, name in (
            (self._settings.ssl_cert, "server.crt"),
            (self._settings.ssl_key, "server.key"),
        ):
            if source is not None:
                target = home / name
                target.touch(mode=0o600)
                target.write_bytes(source.read_bytes())

    def _begin(self) -> None:
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
        raise self._refusal()

    def _options(self) -> dict[str, str]:
        return {
            **super()._options(),
            "listen_addresses": "127.0.0.1",
            **({} if self._settings.durable else UNDURABLE),
            **self._encryption(),
            **dict(self._settings.options),
        }

    def _encryption(self) -> dict[str, str]:
        if self._settings.ssl_cert is None:
            return {}
        home = self._folder()
        return {
            "ssl": "on",
            "ssl_cert_file": str(home / "server.crt"),
            "ssl_key_file": str(home / "server.key"),
        }


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listing.read_text().split()] if listing.is_file() else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
