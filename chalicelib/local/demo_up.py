"""What stands behind `holdfast up --demo`: databases of its own, and weeks of history once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.demo_mark import DEMO, DemoMark
from chalicelib.domain.errors import Conflict, Internal
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query
from chalicelib.local.data_lock import DataLock
from chalicelib.local.demo_databases import DemoDatabases
from chalicelib.local.demo_life import ACTOR, DemoLife
from chalicelib.local.demo_place import programs
from chalicelib.local.moved_clock import MovedClock
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.services.projects import ProjectChanges
from chalicelib.settings import Settings

WEEKS: Final = timedelta(weeks=5)


@dataclass(frozen=True)
class Listener:
    """Hear what the demo says, and be asked whether it goes on: `check` may raise to stop."""

    say: Callable[[str], object]
    check: Callable[[], None]


@contextmanager
def demo_data(settings: Settings, listener: Listener, span: timedelta = WEEKS) -> Iterator[None]:
    """Keep the demo's databases running, behind a data folder that shows weeks of backups.

    The history is made once, in a minute or two; a folder with projects of anybody else is refused
    with Conflict.
    """
    with DataLock(settings.data):
        _require_demo(settings)
    # not durable: a crash of this machine ends the demo anyhow
    with LocalPostgres(programs(), LocalSettings(durable=False)) as server:
        databases = DemoDatabases(server)
        databases.make()
        listener.check()
        with DataLock(settings.data):
            _prepare(settings, databases, listener, span)
        yield


def _require_demo(settings: Settings) -> None:
    services = embedded(settings)
    if services.is_demo or not services.projects.find(Query(Project, limit=1)).items:
        return
    raise Conflict(
        "the data folder holds projects that are no demo's",
        hint="Choose another folder with --data; a demo never mixes with what is real.",
    )


def _prepare(
    settings: Settings, databases: DemoDatabases, listener: Listener, span: timedelta
) -> None:
    adapters = embedded_adapters(settings)
    services = Services(settings, adapters)
    if services.is_demo:
        _readdress(services, databases)
        return
    workflow = adapters.workflow
    if not isinstance(workflow, SqliteWorkflow):
        raise Internal("only the embedded service has a demo")
    until = SystemClock().now()
    clock = MovedClock(SystemClock(), until - span)
    moved = Services(settings, replace(adapters, clock=clock, ids=UlidIds(clock)))
    moved.ledger.catalog.commit([Insert(DemoMark(id=DEMO, made_at=until))])
    listener.say(f"making the demo's history: {span.days} days of real backups, at moved times")
    DemoLife(
        moved, clock, workflow, databases, since=until - span, until=until, check=listener.check
    ).live()


def _readdress(services: Services, databases: DemoDatabases) -> None:
    """Lead the projects to the databases of this start: their server is another each time."""
    for project in services.projects.find(Query(Project)).items:
        connection = databases.connection(project.endpoint.database)
        changes = ProjectChanges(endpoint=connection.endpoint, password=connection.password)
        services.projects.update(ACTOR, project.id, changes)
