"""Play a case: the real services over the real embedded adapters, on the stage, behind the gate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.adapters.embedded.secrets import FileSecrets
from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.bootstrap.adapters import Adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import HoldfastError, WorkerLost
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job
from chalicelib.domain.link import Link
from chalicelib.domain.record import Query, Record
from chalicelib.domain.schedule import ExpectedRun, Schedule
from chalicelib.ports import Catalog, ObjectStore
from chalicelib.postgres_ports import Engine
from chalicelib.services.due_runs import DueRuns
from chalicelib.services.projects import NewProject
from chalicelib.services.run_backup import BackupRunner
from chalicelib.services.schedules import ScheduleChanges
from chalicelib.services.sweeper import Sweeper
from chalicelib.settings import Settings
from chalicelib.worker.__main__ import run
from tests.simulation.diary import Diary
from tests.simulation.engine import SimulatedEngine
from tests.simulation.executions import Executions
from tests.simulation.gate import Gate, Gated, Terminated, Unexpected
from tests.simulation.history import Evidence, History
from tests.simulation.people import Person
from tests.simulation.plan import HOUR_S, MINUTE_S, Case, Kind
from tests.simulation.stage import CountedIds, Stage
from tests.support.world import ScriptedRestorer

R = TypeVar("R", bound=Record)

PROJECTS: Final = 2
DUMP_DEADLINE_S: Final = 120.0
"""Short, so that leases end while other workers are still about."""
REST: Final = (2 * HOUR_S, 20 * MINUTE_S, 20 * MINUTE_S)
"""How long each undisturbed sweep comes after the one before, once the faults are over."""
GATED: Final = ("catalog", "store", "workflow", "secrets", "signer", "notifier")


@dataclass(frozen=True)
class Mutation:
    """Replace parts of the product by others; without arguments it changes nothing."""

    name: str = "none"
    runner: type[BackupRunner] = BackupRunner
    sweeper: type[Sweeper] = Sweeper
    due_runs: type[DueRuns] = DueRuns
    store: Callable[[ObjectStore], ObjectStore] = lambda store: store
    catalog: Callable[[Catalog], Catalog] = lambda catalog: catalog
    engine: Callable[[Engine], Engine] = lambda engine: engine


NO_MUTATION: Final = Mutation()


class Delivered:
    """Keep the ids of the notices that were handed over."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def deliver(self, notice: Notice) -> None:
        self.ids.append(notice.id)


class Simulation:
    """One case, from its scene to its evidence."""

    def __init__(self, case: Case, folder: Path, mutation: Mutation) -> None:
        self.case = case
        self.mutation = mutation
        self.history = History()
        self.stage = Stage(case.seed)
        self.notifier = Delivered()
        self.catalog = SqliteCatalog(folder / "catalog.sqlite")
        self.store = mutation.store(
            DirectoryStore(folder / "objects", b"k" * 32, "http://127.0.0.1:1")
        )
        self.databases = {f"tenant{n}": f"canary-{n}-7d1f" for n in range(PROJECTS)}
        self.gate = Gate(self.stage, self.history, self.store, list(case.faults), lambda _: False)
        self.executions = Executions(
            self.stage, self._work_on, self.gate.fate, stop_kills=case.stop_kills
        )
        self.gate.is_held = self.executions.is_held
        self.services = Services(
            Settings(data=folder, dump_deadline_s=DUMP_DEADLINE_S), self._adapters(folder)
        )
        self.services.due_runs = _as(mutation.due_runs, self.services.due_runs)
        self.projects = {self._project(name): name for name in self.databases}
        self.schedules: tuple[Schedule, ...] = ()

    def play(self) -> Evidence:
        """Let people, workers and sweeps play, then let everything come to rest."""
        ids = list(self.projects)
        for number, script in enumerate(self.case.scripts, start=1):
            person = Person(
                number, script, ids[script.project], self.stage, self.services, self.history
            )
            person.come()
        for appointment in self.case.appointments:
            Diary(appointment, ids, self.stage, self.services).begin()
        for number, at_s in enumerate(self.case.sweeps, start=1):
            self.stage.spawn(f"sweep-{number}", self._sweep, delay_s=at_s)
        self.stage.play()
        self._rest()
        return self._evidence()

    def close(self) -> None:
        """Close what holds files open."""
        self.catalog.close()

    def _rest(self) -> None:
        self.gate.faults.clear()
        self._end_schedules()
        # records are dated by the wall clock: where it was moved back, their time comes later
        jumps_s = sum(abs(f.seconds) for f in self.case.faults if f.kind is Kind.JUMP)
        for number, after_s in enumerate(REST, start=1):
            waited_s = after_s + (jumps_s if number == 1 else 0)
            self.stage.spawn(f"rest-{number}", self._sweep, delay_s=waited_s)
            self.stage.play()

    def _end_schedules(self) -> None:
        """Let what is due be settled, then let no more become due."""
        if self.case.appointments:
            self.stage.spawn("last", self._sweep)
            self.stage.play()
        self.schedules = self._all(Schedule)
        for schedule in self.schedules:
            self.services.schedules.update("key:1", schedule.id, ScheduleChanges(enabled=False))

    def _adapters(self, folder: Path) -> Adapters:
        engine = SimulatedEngine(self.stage, self.history, self.databases, self._child_fate)
        raw: dict[str, Any] = {
            "catalog": self.mutation.catalog(self.catalog),
            "store": self.store,
            "workflow": self.executions,
            "secrets": FileSecrets(folder / "secrets.json", folder / "secrets.key"),
            "signer": FileSigner(folder / "signing.key"),
            "notifier": self.notifier,
        }
        gated: dict[str, Any] = {port: Gated(port, raw[port], self.gate) for port in GATED}
        mutated: Any = Gated("engine", self.mutation.engine(engine), self.gate)
        clock = self.stage.clock
        return Adapters(
            clock=clock,
            ids=CountedIds(clock),
            engine=lambda: mutated,
            restorer=ScriptedRestorer,  # nobody on this stage restores
            scratch=folder / "scratch",
            **gated,
        )

    def _child_fate(self) -> Kind | None:
        fault = self.gate.fate(Kind.CHILD_DIES, Kind.CHILD_FAILS)
        return fault.kind if fault else None

    def _project(self, database: str) -> str:
        endpoint = Endpoint(host="localhost", database=database, user="backup")
        connection = Connection(endpoint, self.databases[database])
        return self.services.projects.create("key:1", NewProject(database, connection, {})).id

    def _work_on(self, work: Work, work_id: str, owner: str) -> None:
        runner = self._runner(owner) if work is Work.BACKUP else self.services.job_runner(owner)
        try:
            run(runner, work_id)
        except Terminated:
            self._end_early(lambda: runner.fail(work_id, WorkerLost("the service was stopped")))
        except (HoldfastError, Unexpected):
            return  # exit code 1: the sweeper's business

    def _end_early(self, fail: Callable[[], object]) -> None:
        try:
            fail()
        except (HoldfastError, Unexpected, Terminated):
            return

    def _runner(self, owner: str) -> BackupRunner:
        return _as(self.mutation.runner, self.services.backup_runner(owner))

    def _sweep(self) -> None:
        try:
            _as(self.mutation.sweeper, self.services.sweeper).sweep()
        except (HoldfastError, Unexpected):
            return  # the next sweep comes

    def _evidence(self) -> Evidence:
        return Evidence(
            history=self.history,
            backups=self._all(Backup),
            jobs=self._all(Job),
            links=self._all(Link),
            notices=self._all(Notice),
            delivered=tuple(self.notifier.ids),
            objects={key: b"".join(self.store.read(key)) for key in self.store.keys("")},
            uploads=tuple(upload.key for upload in self.store.uploads("")),
            projects=self.projects,
            secrets=tuple(self.databases.values()),
            steps=self.stage.steps,
            problems=tuple(self.stage.broken),
            schedules=self.schedules,
            runs=self._all(ExpectedRun),
        )

    def _all(self, kind: type[R]) -> tuple[R, ...]:
        return self.catalog.find(Query(kind, limit=1000)).items


def play(case: Case, mutation: Mutation = NO_MUTATION) -> Evidence:
    """Play a case in a folder of its own, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        simulation = Simulation(case, Path(folder), mutation)
        try:
            return simulation.play()
        finally:
            simulation.close()


P = TypeVar("P", BackupRunner, Sweeper, DueRuns)


def _as(kind: type[P], part: P) -> P:
    return kind(**{item.name: getattr(part, item.name) for item in fields(part)})
