"""What answers on one machine, whoever asks: the API and the object store's door, without pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalice.local import CustomLocalChalice

from chalicelib.api.application import create_app
from chalicelib.bootstrap.services import Services
from chalicelib.bootstrap.stores import link_key
from chalicelib.local.objects import PREFIX, ObjectsWsgi
from chalicelib.local.wsgi import ChaliceWsgi, Environ, StartResponse, WsgiApp


@dataclass(frozen=True)
class WebApp:
    """Send each request to the object store's door or to the API, by its path."""

    api: WsgiApp
    objects: WsgiApp

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        is_object = str(environ.get("PATH_INFO", "")).startswith(PREFIX)
        return (self.objects if is_object else self.api)(environ, start_response)


def api_app(services: Services) -> WebApp:
    """Return what a command line asks: pages would only make its start longer."""
    app = create_app(lambda: services, factory=CustomLocalChalice)
    return WebApp(ChaliceWsgi(app), objects_app(services))


def objects_app(services: Services) -> WsgiApp:
    """Return the door that links to objects lead to."""
    adapters = services.adapters
    return ObjectsWsgi(adapters.store, adapters.clock, link_key(services.settings))
