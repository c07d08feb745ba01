"""Add the pages to the Chalice application."""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Chalice, Response

from chalicelib.api.application import create_app, fresh_id
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.dispatch import FORM_TYPE, PageDispatcher
from chalicelib.dashboard.pages import ALL
from chalicelib.dashboard.routing import PageRoute
from chalicelib.domain.errors import Internal


def create_web_app(
    services: Callable[[], Services],
    *,
    factory: Callable[..., Chalice] = Chalice,
    new_id: Callable[[], str] = fresh_id,
) -> Chalice:
    """Return the API with the pages beside it; see `create_app`."""
    app = create_app(services, factory=factory, new_id=new_id)
    dispatcher = PageDispatcher(services, new_id)
    for route in ALL:
        types = [FORM_TYPE] if route.method == "POST" else []
        app.route(route.path, methods=[route.method], name=route.name, content_types=types)(
            _view(app, dispatcher, route)
        )
    return app


def _view(app: Chalice, dispatcher: PageDispatcher, route: PageRoute) -> Callable[..., Response]:
    def view(**values: str) -> Response:
        request = app.current_request
        if request is None:
            raise Internal("Chalice called a view without a request")
        return dispatcher.answer(route, request, values)

    return view
