"""One request: who asks, may they, what do they say, do it, answer.

The order matters: nobody without a key learns whether a path's id exists, nobody with too low a
role does either, and no body is read before both are clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from chalice.app import Request, Response
from pydantic import BaseModel

from chalicelib.api.parsing import parse_body, parse_idempotency_key, parse_query, query_values
from chalicelib.api.problems import Headers, Problem, Refused, problem_of, problem_response
from chalicelib.api.routing import (
    RECORDS,
    Allow,
    Call,
    PlainText,
    RecordKind,
    Redirect,
    Route,
    hidden,
)
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import Forbidden, HoldfastError, Internal, NotFound, Unauthenticated
from chalicelib.domain.job import Job
from chalicelib.domain.project import Project
from chalicelib.domain.restore import Restore
from chalicelib.domain.schedule import Schedule
from chalicelib.observability import described, log

NOBODY: Final = Actor("nobody", Role.VIEWER, projects=())
EVERYBODY: Final = Actor("everybody", Role.VIEWER)
SERVER_ERROR: Final = 500


@dataclass(frozen=True)
class Dispatcher:
    """Answer requests with handlers; services are made on the first one."""

    services: Callable[[], Services]
    new_id: Callable[[], str]

    def answer(self, route: Route, request: Request, values: Mapping[str, str]) -> Response:
        """Return the handler's answer, or the problem it met; never raises."""
        try:
            return self._answer(route, request, values)
        except Refused as error:
            return problem_response(error.problem)
        except HoldfastError as error:
            return problem_response(self._problem(route, error))
        except Exception as error:  # noqa: BLE001 - the entry point of every request
            return problem_response(self._incident(route, error))

    def _answer(self, route: Route, request: Request, values: Mapping[str, str]) -> Response:
        services = self.services()
        actor = _admitted(services, route.allow, request)
        call = Call(services, actor)
        arguments: dict[str, object] = {"call": call, **path_arguments(call, values)}
        # Read even where the handler takes neither, so that a field nobody knows never passes.
        arguments["query"] = parse_query(route.query, query_values(request))
        arguments["body"] = parse_body(route.body, request)
        if "idempotency_key" in route.takes:
            arguments["idempotency_key"] = parse_idempotency_key(request)
        wanted = {name: value for name, value in arguments.items() if name in route.takes}
        # Counted only now: a request that would have been refused anyway starts nothing.
        if route.starts_work:
            services.rate_limits.start(actor)
        return _response(route, services, route.handler(**wanted))

    def _problem(self, route: Route, error: HoldfastError) -> Problem:
        problem = problem_of(error)
        if problem.status < SERVER_ERROR:
            return problem
        instance = self.new_id()
        _record(route, instance, error)
        return problem_of(error, instance=instance)

    def _incident(self, route: Route, error: Exception) -> Problem:
        instance = self.new_id()
        _record(route, instance, error)
        return problem_of(
            Internal("something happened that should not", hint=f"Find {instance} in the log."),
            instance=instance,
        )


def _admitted(services: Services, allow: Allow, request: Request) -> Actor:
    if allow.role is None:
        services.rate_limits.stranger(address_of(request))
        return NOBODY
    if allow.metrics and services.settings.metrics == "open":
        services.rate_limits.stranger(address_of(request))
        return EVERYBODY
    # First who, then whether: the role a route needs is no news for people without a key.
    actor = _authenticated(services, request)
    services.rate_limits.request(actor)
    if not actor.may(allow.role):
        raise Forbidden(f"this needs the role {allow.role}")
    if allow.everywhere and actor.projects is not None:
        raise Forbidden(
            "this needs a key that reaches all projects",
            hint="Use a key that is not limited to projects.",
        )
    return actor


def _authenticated(services: Services, request: Request) -> Actor:
    try:
        return services.access.authenticate(_bearer(request))
    except Unauthenticated:
        # Counted after the look at the key: with 256 random bits nobody guesses one, and so
        # nobody can lock out the owners of valid keys behind the same address.
        services.rate_limits.stranger(address_of(request))
        raise


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    # API Gateway's own word; a header such as X-Forwarded-For is anybody's.
    return str(request.context.get("identity", {}).get("sourceIp", ""))


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no API key was sent")
    return str(token.strip())


def path_arguments(call: Call, values: Mapping[str, str]) -> dict[str, object]:
    """Load the records that a path names, as far as the caller sees them."""
    found: dict[str, object] = {}
    for name, value in values.items():
        kind = RECORDS.get(name)
        found[kind.kind if kind else name] = _visible(call, kind, value) if kind else value
    return found


def _visible(
    call: Call, kind: RecordKind, record_id: str
) -> Project | Backup | Job | Restore | Schedule:
    if kind is Project:
        return call.project(record_id)
    if kind is Schedule:
        return call.schedule(record_id)
    if kind is Backup:
        return call.backup(record_id)
    try:
        record = (
            call.services.restores.get(record_id)
            if kind is Restore
            else call.services.jobs.get(record_id)
        )
    except NotFound as error:
        raise hidden(kind) from error
    # The same words as for a missing one, so that ids cannot be probed from outside.
    if not call.actor.sees(record.project_id):
        raise hidden(kind)
    return record


def _response(route: Route, services: Services, result: object) -> Response:
    if isinstance(result, Redirect):
        return Response("", {"Location": result.url}, route.success.status)
    if isinstance(result, PlainText):
        return Response(result.text, {"Content-Type": result.content_type}, route.success.status)
    if not isinstance(result, BaseModel):
        return Response("", {}, route.success.status)
    headers: Headers = {"Content-Type": "application/json"}
    if route.success.location is not None:
        # Behind API Gateway all paths live below the stage, which is the path of the public URL.
        stage = urlsplit(services.settings.public_url).path.rstrip("/")
        headers["Location"] = stage + route.success.location.format(**result.model_dump())
    return Response(result.model_dump_json(by_alias=True), headers, route.success.status)


def _record(route: Route, instance: str, error: Exception) -> None:
    log().error(
        "request failed",
        extra={
            "incident": instance,
            "operation": f"{route.method} {route.path}",
            "exceptions": described(error),
        },
    )
