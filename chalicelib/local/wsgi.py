"""Chalice under a WSGI server: what API Gateway does in front of the function, done here.

API Gateway matches paths and methods, answers preflights, refuses large bodies, and hands over an
event. `chalice.local` makes the same event; the rest, and everything it answers in a form of its
own, is decided here, so that callers meet the same problems on every path.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Final, cast
from urllib.parse import quote

from chalice.app import Chalice, Response
from chalice.local import LambdaContext, LambdaEventConverter, RouteMatcher

from chalicelib.api.application import SECURITY_HEADERS, method_not_allowed
from chalicelib.api.parsing import MAX_BODY_BYTES, too_large
from chalicelib.api.problems import Refused, problem_of, problem_response
from chalicelib.domain.errors import InvalidRequest, NotFound

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

BODILESS: Final = frozenset({204, 304})
DOWNLOADS: Final = "/downloads/"
REQUEST_MS: Final = 29_000
"""What API Gateway gives a request."""


Shown = Callable[[str, Mapping[str, str], Response], Response]
"""From the path, the headers and the problem that answers them to what is sent."""


def as_it_is(path: str, headers: Mapping[str, str], response: Response) -> Response:
    """Send a problem in the form for programs."""
    del path, headers
    return response


@dataclass(frozen=True)
class Reply:
    """Hold an answer that is ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ChaliceWsgi:
    """Serve a Chalice application, which must be of `chalice.local`'s class, to a WSGI server."""

    def __init__(self, app: Chalice, shown: Shown = as_it_is) -> None:
        """Look at the routes once; `shown` may put a problem into another form for its reader."""
        self._app = app
        self._shown = shown
        self._matcher = RouteMatcher(list(app.routes))
        self._events = LambdaEventConverter(self._matcher, app.api.binary_types)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            reply = self._reply(environ)
        except Refused as error:
            reply = self._refusal(environ, problem_response(error.problem))
        return send(reply, start_response, is_head=environ["REQUEST_METHOD"] == "HEAD")

    def _reply(self, environ: Environ) -> Reply:
        path = _quoted_path(environ)
        allowed = self._allowed(path)
        method = str(environ["REQUEST_METHOD"])
        if method == "OPTIONS":
            return Reply(HTTPStatus.NO_CONTENT, {"Allow": ", ".join(allowed)}, b"")
        if method not in allowed:
            return self._refusal(environ, method_not_allowed(", ".join(allowed)))
        # HEAD goes through as GET: the headers are the same, and `send` leaves the body out.
        query = environ.get("QUERY_STRING", "")
        event = self._events.create_lambda_event(
            method="GET" if method == "HEAD" else method,
            path=f"{path}?{query}" if query else path,
            headers=_headers(environ),
            body=read_body(environ) or None,
        )
        event["requestContext"]["identity"]["sourceIp"] = str(environ.get("REMOTE_ADDR", ""))
        return _reply_of_event(self._app(event, LambdaContext("holdfast", 128, REQUEST_MS)))

    def _refusal(self, environ: Environ, response: Response) -> Reply:
        path = str(environ.get("PATH_INFO", ""))
        return reply_of(self._shown(path, _headers(environ), response))

    def _allowed(self, path: str) -> list[str]:
        try:
            pattern = self._matcher.match_route(path).route
        except ValueError as error:
            raise Refused(problem_of(_no_path())) from error
        methods = set(self._app.routes[pattern]) | {"OPTIONS"}
        # A look at a download must not count as its use, so there is no HEAD for one.
        if "GET" in methods and not path.startswith(DOWNLOADS):
            methods.add("HEAD")
        return sorted(methods)


def send(reply: Reply, start_response: StartResponse, *, is_head: bool = False) -> list[bytes]:
    """Send an answer; HEAD gets the headers of GET without its body."""
    headers = {**SECURITY_HEADERS, **reply.headers}
    if reply.status in BODILESS:
        headers.pop("Content-Type", None)
    else:
        headers["Content-Length"] = str(len(reply.body))
    start_response(status_line(reply.status), list(headers.items()))
    return [] if is_head or reply.status in BODILESS else [reply.body]


def status_line(status: int) -> str:
    """Return the status with its usual words."""
    return f"{status} {HTTPStatus(status).phrase}"


def reply_of(response: Response) -> Reply:
    """Take an answer that never went through the gateway."""
    return _reply_of_event(response.to_dict())


def read_body(environ: Environ) -> bytes:
    """Read the body; one that is too large is refused before its first byte is read."""
    stream = cast("IO[bytes]", environ["wsgi.input"])
    declared = str(environ.get("CONTENT_LENGTH") or "")
    if not declared:
        # Only a server that ends the stream itself lets us read a body of unknown length.
        body = stream.read(MAX_BODY_BYTES + 1) if environ.get("wsgi.input_terminated") else b""
    elif not (declared.isascii() and declared.isdigit()):
        raise Refused(problem_of(InvalidRequest("the content length is not a number")))
    elif int(declared) > MAX_BODY_BYTES:
        raise too_large()
    else:
        body = stream.read(int(declared))
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    return body


def _quoted_path(environ: Environ) -> str:
    # WSGI gives the decoded path as if its bytes were Latin-1; quoting it again keeps every
    # character that means something in a URL out of the matching of routes.
    path = str(environ.get("PATH_INFO", ""))
    if not path.startswith("/") or path.startswith("//"):
        raise Refused(problem_of(_no_path()))
    return quote(path.encode("latin-1", "replace"))


def _headers(environ: Environ) -> dict[str, str]:
    found = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    # CGI's two names without prefix; the length is of no use to a handler.
    if environ.get("CONTENT_TYPE"):
        found["content-type"] = str(environ["CONTENT_TYPE"])
    return found


def _reply_of_event(event: Mapping[str, Any]) -> Reply:
    headers = {str(name): str(value) for name, value in event["headers"].items()}
    for name, values in event.get("multiValueHeaders", {}).items():
        headers[name] = ", ".join(values)
    body = event["body"] or ""
    raw = b64decode(body) if event.get("isBase64Encoded") else _as_bytes(body)
    return Reply(int(event["statusCode"]), headers, raw)


def _as_bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _no_path() -> NotFound:
    return NotFound("there is no such path", hint="See /v1/openapi.json for those there are.")
