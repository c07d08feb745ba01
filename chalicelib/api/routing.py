"""The typed route decorator: what a route needs and answers is read off its handler.

A handler names what it takes, any of: `call`, `body` and `query` (pydantic models),
`idempotency_key`, the records its path names (`project`, `backup`, `schedule` …: loaded and
checked against the caller's sight before the handler runs), and plain path values. Its return type
is the answer: a view, None for no content, or `Redirect`. The summary is its docstring's first
line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType, NoneType
from typing import Final, TypeVar, get_type_hints

from pydantic import BaseModel

from chalicelib.api.requests.fields import Nothing, QueryString
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job
from chalicelib.domain.project import Project
from chalicelib.domain.restore import Restore
from chalicelib.domain.schedule import Schedule

Handler = Callable[..., object]
H = TypeVar("H", bound=Handler)

RecordKind = type[Project] | type[Backup] | type[Job] | type[Restore] | type[Schedule]

RECORDS: Final[Mapping[str, RecordKind]] = MappingProxyType(
    {
        "project_id": Project,
        "backup_id": Backup,
        "job_id": Job,
        "restore_id": Restore,
        "schedule_id": Schedule,
    }
)
"""Path parameters that name a record of a project; the record itself is handed to the handler."""

PLAIN: Final = frozenset({"link_id", "key_id", "channel_id", "name", "token"})
"""Path parameters handed over as text: what they name belongs to no project by itself, or is
checked against the record named before them."""

_PARAMETER: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Allow:
    """Say who may call: a role, and whether the key must reach all projects. None is everybody.

    With `metrics`, a setting of the service may open the route to everybody.
    """

    role: Role | None
    everywhere: bool = False
    metrics: bool = False


PUBLIC: Final = Allow(None)
VIEWER: Final = Allow(Role.VIEWER)
OPERATOR: Final = Allow(Role.OPERATOR)
ADMIN: Final = Allow(Role.ADMIN)
METRICS: Final = Allow(Role.VIEWER, metrics=True)
ADMIN_EVERYWHERE: Final = Allow(Role.ADMIN, everywhere=True)


@dataclass(frozen=True)
class Success:
    """Say how success looks: a status, and the path of what was made, with `{id}` of the view."""

    status: int
    location: str | None = None


OK: Final = Success(200)
NO_CONTENT: Final = Success(204)
FOUND: Final = Success(302)
JOB_ACCEPTED: Final = Success(202, "/v1/jobs/{id}")


@dataclass(frozen=True)
class Redirect:
    """Send the caller to a URL that must not be kept."""

    url: str


class PlainText(BaseModel):
    """Be an answer that is no JSON."""

    text: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """Carry what every handler may need."""

    services: Services
    actor: Actor

    def project(self, project_id: str) -> Project:
        """Return a project in the caller's sight; a hidden one is as good as none."""
        if not self.actor.sees(project_id):
            raise hidden(Project)
        try:
            return self.services.projects.get(project_id)
        except NotFound as error:
            raise hidden(Project) from error

    def backup(self, backup_id: str) -> Backup:
        """Return a backup in the caller's sight; a hidden one is as good as none."""
        try:
            backup = self.services.backups.get(backup_id)
        except NotFound as error:
            raise hidden(Backup) from error
        if not self.actor.sees(backup.project_id):
            raise hidden(Backup)
        return backup

    def schedule(self, schedule_id: str) -> Schedule:
        """Return a schedule in the caller's sight; a hidden one is as good as none."""
        try:
            schedule = self.services.schedules.get(schedule_id)
        except NotFound as error:
            raise hidden(Schedule) from error
        if not self.sees(schedule):
            raise hidden(Schedule)
        return schedule

    def sees(self, schedule: Schedule) -> bool:
        """Tell whether all that a schedule may touch is in the caller's sight."""
        if schedule.project_id is None:
            return self.actor.projects is None
        return self.actor.sees(schedule.project_id)


@dataclass(frozen=True)
class Route:
    """Describe one operation of the API."""

    method: str
    path: str
    handler: Handler
    allow: Allow
    success: Success
    body: type[BaseModel]
    query: type[BaseModel]
    returns: type[BaseModel] | None
    redirects: bool
    takes: frozenset[str]
    starts_work: bool

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.handler.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces in the path."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def documentation(self) -> tuple[str, str]:
        """The summary and the description, from the handler's docstring."""
        summary, _, rest = inspect.cleandoc(self.handler.__doc__ or "").partition("\n")
        return summary.rstrip("."), rest.strip()


ROUTES: Final[list[Route]] = []


def route(
    target: str, allow: Allow, success: Success = OK, *, starts_work: bool = False
) -> Callable[[H], H]:
    """Register the handler for a target such as `GET /v1/backups/{backup_id}`.

    What starts work of a worker, or hands data out, is limited more tightly than the rest.
    """

    def register(handler: H) -> H:
        described = _described(target, allow, success, handler)
        ROUTES.append(replace(described, starts_work=starts_work))
        return handler

    return register


def hidden(kind: RecordKind) -> NotFound:
    """Be the one answer for what is not there and for what the caller may not see."""
    return NotFound(f"there is no such {kind.kind}")


def _described(target: str, allow: Allow, success: Success, handler: Handler) -> Route:
    method, _, path = target.partition(" ")
    hints = get_type_hints(handler)
    returned = hints.pop("return")
    described = Route(
        method=method,
        path=path,
        handler=handler,
        allow=allow,
        success=success,
        body=hints.get("body", Nothing),
        query=hints.get("query", QueryString),
        returns=None if returned in {NoneType, Redirect} else returned,
        redirects=returned is Redirect,
        takes=frozenset(hints),
        starts_work=False,
    )
    # Fails at import: no route with an id whose owner nobody checks ever gets as far as a test.
    unknown = set(described.parameters) - RECORDS.keys() - PLAIN
    if unknown:
        raise TypeError(f"{target}: nobody knows whose {sorted(unknown)} are")
    return described
