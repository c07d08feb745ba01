"""A whole service per test, on one machine and on AWS services, with a clock to move, no worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from chalicelib.adapters.system import UlidIds
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.project import Project
from chalicelib.local.server import web_app
from chalicelib.services.access import NewKey
from chalicelib.services.projects import NewProject
from tests.support import seaweedfs
from tests.support.completed import stored_backup
from tests.support.stack import AWS, EMBEDDED, SETS, aws_settings, embedded_settings, opened_with

PUBLIC_URL = "http://holdfast.test"


class MovableClock:
    """Tell a time that a test can move on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()

    def advance(self, by: timedelta) -> None:
        self._now += by


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def advance(clock: MovableClock) -> Callable[[timedelta], None]:
    return clock.advance


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold every promise of the API over both sets; `embedded_only` marks what has no sibling."""
    if "services" in metafunc.fixturenames:
        is_alone = metafunc.definition.get_closest_marker("embedded_only") is not None
        metafunc.parametrize("services", (EMBEDDED,) if is_alone else SETS, indirect=True)


@pytest.fixture
def services(
    request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock
) -> Iterator[Services]:
    environment = embedded_settings(tmp_path) | {"HOLDFAST_PUBLIC_URL": PUBLIC_URL}
    if request.param == AWS:
        environment |= aws_settings(request.config)
    with opened_with(request.param, environment, seaweedfs.WORKER) as stack:
        adapters = replace(stack.services.adapters, clock=clock, ids=UlidIds(clock))
        yield Services(stack.services.settings, adapters)


@pytest.fixture
def client_for(services: Services) -> Iterator[Callable[..., httpx.Client]]:
    """Make clients: `client_for(Role.VIEWER, projects=(…))`, or with a token, or without any."""
    app = web_app(services)
    with ExitStack() as stack:

        def make(
            role: Role | None = Role.ADMIN,
            projects: tuple[str, ...] | None = None,
            token: str | None = None,
        ) -> httpx.Client:
            if role is not None and token is None:
                _, token = services.access.create("test", NewKey("test", role, projects))
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            transport = httpx.WSGITransport(app)
            return stack.enter_context(
                httpx.Client(transport=transport, base_url=PUBLIC_URL, headers=headers)
            )

        yield make


@pytest.fixture
def client(client_for: Callable[..., httpx.Client]) -> httpx.Client:
    """A client with an admin's key."""
    return client_for(Role.ADMIN)


@pytest.fixture
def make_project(services: Services) -> Callable[..., Project]:
    def make(name: str = "shop", password: str = "s3cret-of-shop") -> Project:
        connection = Connection(Endpoint(host="db.example.org", database=name), password)
        return services.projects.create("test", NewProject(name, connection, {}))

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture
def make_backup(services: Services) -> Callable[..., Backup]:
    """Store a completed backup with its object; any field of the record can be given."""

    def make(project: Project, content: bytes = b"PGDMP and more", **fields: object) -> Backup:
        return stored_backup(services, project, content, **fields)

    return make


@pytest.fixture
def backup(make_backup: Callable[..., Backup], project: Project) -> Backup:
    return make_backup(project)
