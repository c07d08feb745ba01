"""A service of one machine, and browsers without scripts that sign in to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.access import Role
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.project import Project
from chalicelib.local.server import web_app
from chalicelib.services.access import NewKey
from chalicelib.services.projects import NewProject
from chalicelib.settings import Settings

PUBLIC_URL = "http://holdfast.test"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass(frozen=True)
class Browser:
    """Walk through pages as a browser without scripts does."""

    http: httpx.Client

    def see(self, path: str, status: int = 200) -> str:
        """Return a page as text."""
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form with the session's own token."""
        token = CSRF.search(self.see("/"))
        assert token is not None
        return self.http.post(path, data={"csrf": token[1], **fields})


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(
        data=tmp_path / "data",
        public_url=PUBLIC_URL,
        requests_per_minute=0,
        starts_per_minute=0,
        strangers_per_minute=0,
    )
    return embedded(settings)


@pytest.fixture
def anonymous(services: Services) -> Iterator[Callable[[], httpx.Client]]:
    """Make clients that have not signed in."""
    app = web_app(services)
    with ExitStack() as stack:

        def make() -> httpx.Client:
            transport = httpx.WSGITransport(app)
            return stack.enter_context(httpx.Client(transport=transport, base_url=PUBLIC_URL))

        yield make


@pytest.fixture
def browser_for(
    services: Services, anonymous: Callable[[], httpx.Client]
) -> Callable[..., Browser]:
    """Sign in with a key of this role, limited to projects if so asked."""

    def make(role: Role = Role.ADMIN, projects: tuple[str, ...] | None = None) -> Browser:
        _, token = services.access.create("test", NewKey("test", role, projects))
        client = anonymous()
        answer = client.post("/session", data={"key": token})
        assert answer.status_code == 303, answer.text
        return Browser(client)

    return make


@pytest.fixture
def browser(browser_for: Callable[..., Browser]) -> Browser:
    """An admin's browser."""
    return browser_for()


@pytest.fixture
def make_project(services: Services) -> Callable[..., Project]:
    def make(name: str = "shop") -> Project:
        connection = Connection(Endpoint(host="db.example.org", database="shop"), "s3cret-of-shop")
        return services.projects.create("test", NewProject(name, connection, {}))

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()
