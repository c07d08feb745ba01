"""A whole Holdfast over real embedded adapters, with a clock to turn and an engine to script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.adapters.embedded.notifier import FileNotifier
from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.adapters.embedded.secrets import FileSecrets
from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.adapters.system import UlidIds
from chalicelib.bootstrap.adapters import Adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import (
    Backup,
    BackupOptions,
    BackupType,
    Compression,
    Format,
    SourceCounts,
    TableCount,
    plan_format,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.execution import Work
from chalicelib.domain.facts import CopyDigest, DatabaseFacts, LargeObjects, LocaleFact
from chalicelib.domain.object_keys import dump_name, dump_names
from chalicelib.domain.project import Project
from chalicelib.domain.proof import Difference, Outcome, ProofReport, Unproven
from chalicelib.domain.restore import (
    Comparison,
    Preflight,
    Restore,
    RestoreOptions,
    RestoreReport,
    TargetState,
)
from chalicelib.engine.archive import inside
from chalicelib.postgres_ports import (
    ArchiveReport,
    DumpPlan,
    DumpRequest,
    DumpResult,
    Estimate,
    ProofRequest,
    ProofRoom,
    Ranges,
    RestoreRequest,
    Sink,
    SourceReport,
    Watch,
)
from chalicelib.services.backups import NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from chalicelib.settings import Settings

DUMP = b"PGDMP" + bytes(range(256)) * 64


def facts_with(copies: dict[str, CopyDigest] | None, digest: str | None = None) -> DatabaseFacts:
    """Return the facts of a small database that was read twice."""
    return DatabaseFacts(
        major=18,
        database_bytes=8_000_000,
        locale=LocaleFact(encoding="UTF8", provider="libc", collate="C", ctype="C"),
        text_settings={},
        large_objects=LargeObjects(count=1 if digest else 0, digest=digest),
        copies=copies,
    )


class TurnedClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def turn(self, by: timedelta) -> None:
        self._now += by
        self._monotonic += by.total_seconds()


class LooksInside:
    """Look into archives as the real engine does: that needs no PostgreSQL."""

    def contents(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], watch: Watch
    ) -> ArchiveContents:
        return inside.contents(source, blocks, watch.check)

    def rows(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], wanted: RowsWanted, watch: Watch
    ) -> TableRows:
        return inside.rows(source, blocks, wanted, watch.check)


@dataclass
class ScriptedEngine(LooksInside):
    """An engine without PostgreSQL: it dumps `content`, and `during` runs in the middle."""

    content: bytes = DUMP
    during: Callable[[Watch], None] = lambda watch: watch.check()
    planning: Callable[[], None] = lambda: None
    checking: Callable[[], object] = lambda: None
    proving: Callable[[Watch], None] = lambda watch: watch.check()
    outcome: Outcome = Outcome.EQUAL
    database_names: tuple[str, ...] = ("app", "billing")
    blocks: tuple[BlockDigest, ...] = ()
    undigested: str | None = None
    room: ProofRoom = field(default_factory=lambda: ProofRoom(100, None))
    copies: dict[str, CopyDigest] = field(default_factory=dict)
    dumps: int = field(default=0, init=False)
    connections: list[Connection] = field(default_factory=list, init=False)
    proofs: list[ProofRequest] = field(default_factory=list, init=False)

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        self.connections.append(connection)
        return SourceReport(
            server_version="18.6",
            database=connection.endpoint.database,
            user=connection.endpoint.user,
            tls=False,
            is_superuser=False,
            bypasses_rls=True,
            is_replica=False,
            clients=("18.6",),
            problems=(),
            warnings=(),
        )

    def databases(self, connection: Connection) -> tuple[str, ...]:
        self.connections.append(connection)
        return self.database_names

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        self.connections.append(connection)
        return Estimate(tables=2, table_bytes=100, large_objects=0, database_bytes=8_000_000)

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        self.planning()
        self.connections.append(connection)
        return DumpPlan(
            type=options.type,
            format=plan_format(options),
            compression=options.compression or Compression.GZIP,
            engine="stream",
            server_version="18.6",
            client_version="18.6",
            restore_needs="18",
        )

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        self.dumps += 1
        plan = request.plan
        names = dump_names(plan.type, plan.format, plan.compression)
        sinks = [open_sink(name) for name in reversed(names)]  # an engine may take any order
        for sink in sinks:
            sink.write(self.content[: len(self.content) // 2])
        self.during(watch)
        for sink in sinks:
            sink.write(self.content[len(self.content) // 2 :])
        tables = (TableCount(schema_name="public", table="orders", rows=42),)
        counts = SourceCounts() if plan.type is BackupType.SCHEMA else SourceCounts(tables=tables)
        if request.reads_twice:
            counts = counts.model_copy(update={"facts": facts_with(self.copies)})
        return DumpResult(counts=counts, raw_bytes=None)

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        self.checking()
        watch.check()
        data = b"".join(chunks)
        if data != self.content:
            raise IntegrityFailed("not the bytes that were dumped")
        return ArchiveReport(len(data) * 3, "pg_restore 18.6", self.blocks, self.undigested)

    def proof_room(self, request: ProofRequest) -> ProofRoom:
        return self.room

    def prove(
        self, request: ProofRequest, open_artefact: Callable[[str], Iterator[bytes]], watch: Watch
    ) -> ProofReport:
        self.proofs.append(request)
        self.proving(watch)
        assert b"".join(open_artefact(dump_name(request.format, request.compression)))
        difference = Difference(what="rows of table public.orders", expected="42", found="41")
        gap = Unproven(what="the whole proof", reason="no server programs")
        return ProofReport(
            level=request.level,
            outcome=self.outcome,
            compared_with="the source's record",
            server_version=request.server_version,
            scratch_version="18.6",
            at=datetime(2026, 3, 1, tzinfo=UTC),
            seconds=1.0,
            differences=(difference,) if self.outcome is Outcome.DIFFERENT else (),
            unproven=(gap,) if self.outcome is Outcome.UNPROVEN else (),
        )


@dataclass
class ScriptedRestorer:
    """A restorer without PostgreSQL: it reads the archive, and `during` runs in the middle."""

    report: RestoreReport = field(
        default_factory=lambda: RestoreReport(comparison=Comparison(tables=1, rows=42))
    )
    found: Preflight = field(default_factory=lambda: Preflight(server_version="18.6"))
    looking: Callable[[], None] = lambda: None
    during: Callable[[Watch], None] = lambda watch: watch.check()
    requests: list[RestoreRequest] = field(default_factory=list, init=False)
    read: list[bytes] = field(default_factory=list, init=False)

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        self.requests.append(request)
        self.looking()
        watch.check()
        return self.found

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        self.preflight(request, watch)
        reached(TargetState.PARTIAL)
        self.read.append(b"".join(request.source.main.open()))
        self.during(watch)
        if self.report.errors_total == 0:
            reached(TargetState.RESTORED)
        return self.report


@dataclass
class World:
    """Everything a test of the services turns, scripts and looks at."""

    clock: TurnedClock
    engine: ScriptedEngine
    restorer: ScriptedRestorer
    adapters: Adapters
    services: Services

    @property
    def workflow(self) -> SqliteWorkflow:
        workflow = self.adapters.workflow
        assert isinstance(workflow, SqliteWorkflow)
        return workflow

    def project(self, name: str = "shop") -> Project:
        endpoint = Endpoint(host="localhost", database="app", user="backup")
        connection = Connection(endpoint, "canary-4f2a")
        return self.services.projects.create("key:1", NewProject(name, connection, {}))

    def request(self, **options: object) -> Backup:
        new = NewBackup(self.project().id, BackupOptions.model_validate(options))
        return self.services.backups.request("key:1", new)

    def again(self, backup: Backup) -> Backup:
        """Ask for another backup of the same project, leaving all to it."""
        return self.services.backups.request("key:1", NewBackup(backup.project_id, BackupOptions()))

    def run(self, backup: Backup, owner: str = "worker-1") -> Backup:
        return self.services.backup_runner(owner).run(backup.id)

    def backup(self, backup: Backup) -> Backup:
        return self.services.backups.get(backup.id)

    def completed(self, **options: object) -> Backup:
        """Return a backup that completed."""
        return self.run(self.request(**options))

    def request_restore(
        self, backup: Backup, target: str | Connection | None = None, **options: object
    ) -> Restore:
        chosen = RestoreOptions.model_validate(options)
        new = NewRestore(backup.id, target or self.project("target").id, chosen)
        return self.services.restores.request("key:1", new)

    def run_restore(self, restore: Restore, owner: str = "worker-1") -> Restore:
        return self.services.restore_runner(owner).run(restore.id)

    def restore(self, restore: Restore) -> Restore:
        return self.services.restores.get(restore.id)

    @property
    def notices(self) -> str:
        """Everything the notifier was given, a line of JSON each."""
        return (self.services.settings.data / "notices.jsonl").read_text()

    def end_executions(self) -> None:
        """Let the workflow know that every worker is gone."""
        for execution in self.workflow.take(100):
            self.workflow.ended(execution)
        for execution in self.workflow.running():
            self.workflow.ended(execution)

    def leftovers(self) -> list[str]:
        store = self.adapters.store
        return [*store.keys(""), *(upload.key for upload in store.uploads(""))]

    def is_queued(self, backup: Backup) -> bool:
        return self.workflow.is_running(Work.BACKUP, backup.id)


def build_world(folder: Path, engine: ScriptedEngine | None = None) -> World:
    """Open a world over a folder; opening the same folder again is what a restart sees."""
    clock = TurnedClock()
    scripted = engine or ScriptedEngine()
    restorer = ScriptedRestorer()
    adapters = Adapters(
        clock=clock,
        ids=UlidIds(clock),
        catalog=SqliteCatalog(folder / "catalog.sqlite"),
        store=DirectoryStore(folder / "objects", b"k" * 32, "http://127.0.0.1:1"),
        workflow=SqliteWorkflow(folder / "workflow.sqlite"),
        secrets=FileSecrets(folder / "secrets.json", folder / "secrets.key"),
        signer=FileSigner(folder / "signing.key"),
        notifier=FileNotifier(folder / "notices.jsonl"),
        engine=lambda: scripted,
        restorer=lambda: restorer,
        scratch=folder / "scratch",
    )
    return World(clock, scripted, restorer, adapters, Services(Settings(data=folder), adapters))
