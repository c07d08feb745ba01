"""Run the command line as people do: as a process of its own, with an environment spelled out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load

HOLDFAST = [sys.executable, "-m", "chalicelib.cli.main"]
TIMEOUT_S = 60


@dataclass
class Done:
    """Hold what a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Start commands in one folder; whatever still runs at the end is killed."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str | Path, **extra: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*HOLDFAST, *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Done:
        out, err = process.communicate(timeout=TIMEOUT_S)
        return Done(process.returncode, out, err)

    def run(self, *arguments: str | Path, **extra: str) -> Done:
        return self.finish(self.start(*arguments, **extra))

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"data"}

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    folder = tmp_path / "here"
    folder.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOLDFAST_DATA": str(folder / "data"),
    }
    terminal = Terminal(folder, environment)
    yield terminal
    terminal.close()


@pytest.fixture
def shop(database: Callable[..., Connection], postgres18: LocalPostgres) -> Connection:
    """A database with the sample rows of one megabyte."""
    connection = database(postgres18)
    with psycopg.connect(postgres18.url(connection.endpoint.database), autocommit=True) as session:
        load(session, 1)
    return connection


@pytest.fixture
def shop_url(shop: Connection, postgres18: LocalPostgres) -> str:
    return postgres18.url(shop.endpoint.database)


@pytest.fixture
def locked_shop(shop_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold a lock that keeps every dump of the shop waiting, until it is rolled back."""
    with psycopg.connect(shop_url) as session:
        session.execute("LOCK TABLE shop.products IN ACCESS EXCLUSIVE MODE")
        yield session


@pytest.fixture
def observer(shop_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Look at the server's activity from outside of any transaction, which would freeze it."""
    with psycopg.connect(shop_url.rpartition("/")[0] + "/postgres", autocommit=True) as session:
        yield session


@pytest.fixture
def sessions(shop: Connection, observer: psycopg.Connection[Any]) -> Callable[[str], list[int]]:
    """List the sessions in the shop that wait as asked; an empty word means any."""

    def listed(waiting_for: str = "") -> list[int]:
        rows = observer.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = %s AND (%s = '' OR wait_event_type = %s)",
            (shop.endpoint.database, waiting_for, waiting_for),
        )
        return [row[0] for row in rows]

    return listed


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask until the answer is true, and return it."""

    def ask(question: Callable[[], Any], timeout_s: float = 20.0) -> Any:
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not (answer := question()):
            assert time.monotonic() < deadline, "it did not happen in time"
            pause.wait(0.05)
        return answer

    return ask


@pytest.fixture
def dump_waits(
    locked_shop: psycopg.Connection[Any],
    sessions: Callable[[str], list[int]],
    eventually: Callable[..., Any],
) -> Callable[[], None]:
    """Return once a pg_dump of the locked shop waits for its lock."""
    assert not locked_shop.closed
    return lambda: eventually(lambda: sessions("Lock"))
