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
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from chalicelib.adapters.embedded.processes import start_time
from chalicelib.adapters.embedded.workflow import Execution, Process, SqliteWorkflow
from chalicelib.bootstrap.services import Services
from chalicelib.cli.main import run
from chalicelib.domain.access import Role
from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load
from chalicelib.local.up import Place, first_key, running_service
from chalicelib.services.access import NewKey
from chalicelib.services.deliver_notices import NoticeRunner
from chalicelib.services.run_backup import BackupRunner
from chalicelib.services.run_job import JobRunner
from chalicelib.settings import Settings
from tests.support.world import ScriptedEngine

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

    def objects(self) -> list[Path]:
        stored = self.folder / "data" / "objects"
        return [path for path in stored.rglob("*") if path.is_file()]

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@dataclass
class Up:
    """A `holdfast up` that runs, and a client with its key."""

    process: Any
    printed: str
    http: httpx.Client

    @property
    def key(self) -> str:
        return self.http.headers["Authorization"].removeprefix("Bearer ")

    @property
    def workers(self) -> list[Process]:
        return [Process(pid, start_time(pid)) for pid in _descendants(self.process.pid)]

    def backup(self, url: str, **options: str) -> str:
        project = self.http.post("/v1/projects", json={"url": url}).json()
        asked = self.http.post("/v1/backups", json={"project_id": project["id"], **options})
        return str(asked.json()["id"])

    def show(self, backup_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.http.get(f"/v1/backups/{backup_id}").json()
        return shown


def _descendants(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(word) for file in lists for word in file.read_text().split()]
    return children + [found for child in children for found in _descendants(child)]


@dataclass
class Shell:
    """Run commands within this process, which is quick; only for what starts no process."""

    environment: dict[str, str]
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str | Path, **extra: str) -> Done:
        self.capture.readouterr()
        code = run([str(argument) for argument in arguments], {**self.environment, **extra})
        printed = self.capture.readouterr()
        return Done(code, printed.out, printed.err)


@dataclass
class Served:
    """A service that answers over HTTP; its worker is a thread, its engine is scripted."""

    services: Services
    engine: ScriptedEngine
    url: str
    token: str
    hold: threading.Event = field(default_factory=threading.Event)

    def key(self, role: Role, projects: tuple[str, ...] | None = None) -> str:
        return self.services.access.create("test", NewKey("test", role, projects))[1]

    def work(self, closing: threading.Event) -> None:
        queue = self.services.adapters.workflow
        assert isinstance(queue, SqliteWorkflow)
        while not closing.wait(0.02):
            for execution in () if self.hold.is_set() else queue.take(1):
                self._runner(execution).run(execution.work_id)
                queue.ended(execution)

    def _runner(self, execution: Execution) -> BackupRunner | JobRunner | NoticeRunner:
        if execution.work is Work.BACKUP:
            return self.services.backup_runner("worker")
        if execution.work is Work.NOTICES:
            return self.services.notice_runner()
        return self.services.job_runner("worker")


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A command line on a data folder of its own; no service runs."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shell({"PATH": "/usr/bin:/bin", "HOLDFAST_DATA": str(tmp_path / "data")}, capsys)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    settings = Settings(data=tmp_path / "served")
    closing = threading.Event()
    with running_service(Place(settings, {}, port=0), print) as service:
        adapters = replace(service.services.adapters, engine=lambda: running.engine)
        services = Services(service.services.settings, adapters)
        running = Served(services, ScriptedEngine(), service.url, first_key(services) or "")
        worker = threading.Thread(target=running.work, args=(closing,))
        worker.start()
        yield running
        closing.set()
        worker.join()


@pytest.fixture
def remote(shell: Shell, served: Served) -> Shell:
    """A command line with the URL of a service and the key of its admin."""
    remote = {"HOLDFAST_URL": served.url, "HOLDFAST_API_KEY": served.token}
    return Shell({**shell.environment, **remote}, shell.capture)


@pytest.fixture
def remote_project(remote: Shell) -> str:
    made = remote.run("projects", "create", "postgresql://u:canary-41@h/shop", "--json")
    return str(made.json["id"])


@pytest.fixture
def remote_backup(remote: Shell, remote_project: str) -> dict[str, Any]:
    """A completed backup of the scripted engine's bytes."""
    done = remote.run("backups", "create", "--project", remote_project, "--wait", "--json")
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


@pytest.fixture(params=["embedded", "http"])
def either(request: pytest.FixtureRequest) -> Shell:
    """The command line, once straight on the data folder and once over HTTP."""
    chosen: Shell = request.getfixturevalue("shell" if request.param == "embedded" else "remote")
    return chosen


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
def start_up(terminal: Terminal) -> Iterator[Callable[..., Up]]:
    """Start `holdfast up` on the terminal's data folder; `key` is that of an earlier start."""
    clients = ExitStack()

    def start(key: str | None = None, *options: str) -> Up:
        process = terminal.start("up", "--port", "0", *options)
        assert process.stdout is not None
        printed = process.stdout.readline()
        if key is None:
            printed += process.stdout.readline() + process.stdout.readline()
            key = printed.rpartition("HOLDFAST_API_KEY=")[2].strip()
        url = printed.split("answers at ")[1].split(",")[0]
        headers = {"Authorization": f"Bearer {key}"}
        http = clients.enter_context(httpx.Client(base_url=url, headers=headers, timeout=20))
        return Up(process, printed, http)

    with clients:
        yield start


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
def slow_url(database: Callable[..., Connection], postgres18: LocalPostgres) -> str:
    """A database whose rows keep bzip2 busy for some seconds, so that bytes flow for a while."""
    url = postgres18.url(database(postgres18).endpoint.database)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            "CREATE TABLE noise AS SELECT n, repeat(md5(n::text) || md5((n * 7)::text), 4) AS said"
            " FROM generate_series(1, 250000) AS n"
        )
    return url


@pytest.fixture
def slow_sessions(slow_url: str) -> Iterator[Callable[[], int]]:
    """Count who is connected to the slow database."""
    server, _, name = slow_url.rpartition("/")
    with psycopg.connect(server + "/postgres", autocommit=True) as session:

        def count() -> int:
            # autovacuum comes by as well, and is nobody's session
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = %s"
            row = session.execute(query, (name, "client backend")).fetchone()
            return -1 if row is None else int(row[0])

        yield count


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
