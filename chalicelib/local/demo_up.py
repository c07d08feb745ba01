"""What stands behind `holdfast up --demo`: databases of its own, and weeks of history once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.demo_mark import DEMO, DemoMark
from chalicelib.domain.errors import Conflict, Internal
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query
from chalicelib.local.data_lock import DataLock
from chalicelib.local.demo import programs
from chalicelib.local.demo_databases import DemoDatabases
from chalicelib.local.demo_life import ACTOR, WEEKS, DemoLife
from chalicelib.local.moved_clock import MovedClock
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.services.projects import ProjectChanges
from chalicelib.settings import Settings

Say = Callable[[str], object]


@contextmanager
def demo_data(settings: Settings, say: Say, check: Callable[[], None]) -> Iterator[None]:
    """Keep the demo's databases running, behind a data folder that shows five weeks of backups.

    The history is made once, in about a minute; a folder with projects of anybody else is refused
    with Conflict. `check` may raise to stop.
    """
    # not durable: a crash of this machine ends the demo anyhow
    with LocalPostgres(programs(), LocalSettings(durable=False)) as server:
        databases = DemoDatabases(server)
        databases.make()
        check()
        with DataLock(settings.data):
            _prepare(settings, databases, say, check)
        yield


def _prepare(
    settings: Settings, databases: DemoDatabases, say: Say, check: Callable[[], None]
) -> None:
    adapters = embedded_adapters(settings)
    services = Services(settings, adapters)
    if services.is_demo:
        _readdress(services, databases)
        return
    if services.projects.find(Query(Project, limit=1)).items:
        raise Conflict(
            "the data folder holds projects that are no demo's",
            hint="Choose another folder with --data; a demo never mixes with what is real.",
        )
    workflow = adapters.workflow
    if not isinstance(workflow, SqliteWorkflow):
        raise Internal("only the embedded service has a demo")
    until = SystemClock().now()
    clock = MovedClock(SystemClock(), until - timedelta(weeks=WEEKS))
    moved = Services(settings, replace(adapters, clock=clock, ids=UlidIds(clock)))
    moved.ledger.catalog.commit([Insert(DemoMark(id=DEMO, made_at=until))])
    say(f"making the demo's history: {WEEKS} weeks of real backups, at moved times")
    DemoLife(moved, clock, workflow, databases, until, check).live()


def _readdress(services: Services, databases: DemoDatabases) -> None:
    """Lead the projects to the databases of this start: their server is another each time."""
    for project in services.projects.find(Query(Project)).items:
        connection = databases.connection(project.endpoint.database)
        changes = ProjectChanges(endpoint=connection.endpoint, password=connection.password)
        services.projects.update(ACTOR, project.id, changes)
