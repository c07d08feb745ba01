"""The Chalice application: every route of the API, and what all answers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from chalice.app import Chalice, Request, Response
from ulid import ULID

from chalicelib.api.dispatch import Dispatcher
from chalicelib.api.problems import CONTENT_TYPE, problem_of, problem_response
from chalicelib.api.routes import ALL
from chalicelib.api.routing import Route
from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import Internal, InvalidRequest

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
METHOD_NOT_ALLOWED: Final = 405


def fresh_id() -> str:
    """Return a name for something that happens now."""
    return str(ULID())


def create_app(
    services: Callable[[], Services],
    *,
    factory: Callable[..., Chalice] = Chalice,
    new_id: Callable[[], str] = fresh_id,
) -> Chalice:
    """Return an application over services that are asked for with the first request.

    `factory` is the class of the application: servers with threads need Chalice's local one, which
    keeps a request per thread. `new_id` names failures in the log.
    """
    # Chalice marks its own use in the environment it is given; the process's is not for it.
    app = factory("holdfast", configure_logs=False, env={})
    dispatcher = Dispatcher(services, new_id)
    for route in ALL:
        # An empty list keeps Chalice from answering 415 in a form of its own.
        app.route(route.path, methods=[route.method], name=route.name, content_types=[])(
            _view(app, dispatcher, route)
        )
    app.register_middleware(_finished, "http")
    return app


def method_not_allowed(allowed: str) -> Response:
    """Be the answer to a known path with another method."""
    error = InvalidRequest(
        "the method is not allowed here", hint=f"Use one of: {allowed}.", field="method"
    )
    response = problem_response(problem_of(error, status=METHOD_NOT_ALLOWED))
    response.headers["Allow"] = allowed
    return response


def _view(app: Chalice, dispatcher: Dispatcher, route: Route) -> Callable[..., Response]:
    def view(**values: str) -> Response:
        request = app.current_request
        if request is None:
            raise Internal("Chalice called a view without a request")
        return dispatcher.answer(route, request, values)

    return view


def _finished(event: Request, get_response: Callable[[Request], Response]) -> Response:
    response = get_response(event)
    # Chalice itself answers other methods, in a form of its own; all else is the dispatcher's.
    is_foreign = response.headers.get("Content-Type") != CONTENT_TYPE
    if response.status_code == METHOD_NOT_ALLOWED and is_foreign:
        response = method_not_allowed(str(response.headers.get("Allow", "")))
    response.headers = {**SECURITY_HEADERS, **response.headers}
    return response
