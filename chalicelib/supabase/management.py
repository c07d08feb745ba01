"""Ask Supabase's Management API: patiently, and with refusals that name the missing scope.

The API allows about 120 requests a minute and tells by Retry-After when to come back. What it
answers is never repeated in a message, because it may hold secrets of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    Internal,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SourceUnreachable,
)
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.supabase.patience import current_time, patiently

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
# a PATCH of this API sets values, so that a second one changes nothing
REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
REFUSED_FOR_NOW: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS.value, HTTPStatus.SERVICE_UNAVAILABLE.value}
)


@dataclass(frozen=True)
class Scope:
    """Name what a token needs: the scope of an OAuth token, the permission of a personal one."""

    oauth: str | None
    permission: str

    def __str__(self) -> str:
        """Both names, as people find them in the dashboard."""
        if self.oauth is None:
            return f"permission {self.permission}"
        return f"scope {self.oauth} (permission {self.permission})"


PROJECT: Final = Scope("projects:read", "project_admin_read")
POOLER: Final = Scope("database:read", "database_pooling_config_read")
FUNCTIONS: Final = Scope("edge_functions:read", "edge_functions_read")
FUNCTIONS_WRITE: Final = Scope("edge_functions:write", "edge_functions_write")
SECRETS: Final = Scope("secrets:read", "edge_functions_secrets_read")


@dataclass(frozen=True)
class Question:
    """Say what to ask below /v1/projects/REF, in words for people, and what it takes.

    A POST that changes nothing when it is repeated may say so.
    """

    what: str
    path: str
    scope: Scope
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = field(default=None, repr=False)
    files: Any = field(default=None, repr=False)
    repeatable: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether it can be asked again after an answer was lost."""
        return self.repeatable or self.method in REPEATABLE


@dataclass(frozen=True)
class ProjectInfo:
    """Hold what the API says of a project."""

    ref: str
    status: str
    region: str
    version: str
    database_host: str

    @property
    def is_paused(self) -> bool:
        """Whether its database does not run, because the project sleeps or is being woken."""
        return self.status in {"INACTIVE", "PAUSING", "PAUSED", "RESTORING", "COMING_UP"}


@dataclass(frozen=True)
class Pooler:
    """Hold the address that the API names for the pooler of the primary database."""

    host: str
    port: int
    user: str
    database: str


class ManagementApi:
    """Ask about one project. As a context manager it closes its connections."""

    def __init__(
        self,
        settings: SupabaseSettings,
        token: str,
        pause: Callable[[float], object],
        now: Callable[[], datetime] = current_time,
    ) -> None:
        """Open nothing yet; `pause` waits so many seconds."""
        self._ref = settings.ref
        self._base = f"{settings.api_url}/v1/projects/{settings.ref}"
        self._pause = pause
        self._now = now
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            # a proxy of the environment does not lead to this machine
            trust_env=not settings.is_local,
        )

    def __enter__(self) -> Self:
        """Give the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def project(self) -> ProjectInfo:
        """Return what the API says of the project; NotFound where it knows none."""
        said = self.document(Question("the project", "", PROJECT))
        try:
            database = said["database"]
            return ProjectInfo(
                # `id` is what the reference was called before
                ref=str(said["ref"] if "ref" in said else said["id"]),
                status=str(said["status"]),
                region=str(said["region"]),
                version=str(database["version"]),
                database_host=str(database["host"]),
            )
        except (KeyError, TypeError) as error:
            raise _not_understood("the project") from error

    def pooler(self) -> Pooler:
        """Return the pooler of the primary database, as the API names it."""
        what = "the pooler's address"
        said = self.document(Question(what, "/config/database/pooler", POOLER))
        try:
            # poolers of read replicas are listed as well
            primary = next(one for one in said if one.get("database_type", "PRIMARY") == "PRIMARY")
            return Pooler(
                host=str(primary["db_host"]),
                port=int(primary["db_port"]),
                user=str(primary["db_user"]),
                database=str(primary["db_name"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
            raise _not_understood(what) from error

    def document(self, question: Question) -> Any:
        """Ask for JSON and return it."""
        try:
            return self.ask(question).json()
        except ValueError as error:
            raise _not_understood(question.what) from error

    def ask(self, question: Question) -> httpx.Response:
        """Ask, again and again where that may help, and return an answer of success.

        Raises AuthenticationFailed for the token, PermissionDenied with the scope's name, NotFound,
        InvalidRequest for what the API refuses to take, SourceUnreachable when it does not answer.
        """

        # the requests of all projects of an account count together, so a 429 need not be our doing
        def passes(error: httpx.HTTPError) -> bool:
            return _may_pass(error, question)

        try:
            return patiently(lambda: self._sent(question), passes, self._pause, self._now)
        except httpx.HTTPStatusError as error:
            if passes(error):
                raise _no_time(question.what) from error
            raise _refusal(error.response.status_code, question, self._ref) from error
        except httpx.RequestError as error:
            raise _silence(question.what) from error

    def _sent(self, question: Question) -> httpx.Response:
        answer = self._http.request(
            question.method,
            f"{self._base}{question.path}",
            params=dict(question.query) or None,
            headers=dict(question.headers),
            json=question.json,
            files=question.files,
        )
        return answer.raise_for_status()


def _may_pass(error: httpx.HTTPError, question: Question) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return question.may_repeat
    # refused before anything was done, so even what may not be repeated may be
    if error.response.status_code in REFUSED_FOR_NOW:
        return True
    return error.response.is_server_error and question.may_repeat


def _refusal(status: int, question: Question, ref: str) -> HoldfastError:
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationFailed(
            "the Management API refused the access token",
            hint="Make a new token in the dashboard under Account, Access Tokens, and update"
            " the project with it.",
        )
    if status == HTTPStatus.FORBIDDEN:
        return PermissionDenied(
            f"the access token does not reach {question.what}: it lacks the {question.scope}",
            hint=f"Give the token the {question.scope}, or leave out or make optional the"
            " component that needs it.",
            scope=question.scope.oauth or question.scope.permission,
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(
            f"the Management API does not know {question.what} of {ref}",
            hint="Check the project's reference, and that the token's account may see it.",
        )
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidRequest(
            f"the Management API refused {question.what} with status {status}",
            hint="The project or its plan does not allow this; look into the dashboard.",
        )
    return SourceUnreachable(
        f"the Management API failed at {question.what} with status {status}",
        hint="Look at Supabase's status page, then try again.",
    )


def _no_time(what: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"the Management API has no time for {what}",
        hint="Its limit of requests was reached or it is down; try again in some minutes.",
    )


def _silence(what: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"the Management API did not answer when asked for {what}",
        hint="Check that this machine may reach it, and Supabase's status page.",
    )


def _not_understood(what: str) -> Internal:
    return Internal(
        f"the Management API's answer about {what} is not understood",
        hint="It may have changed since this version; look for a newer one.",
    )
