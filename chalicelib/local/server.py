"""The web server of one machine: API, pages and the object store's door on one port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from chalice.local import CustomLocalChalice
from waitress import wasyncore
from waitress.server import create_server

from chalicelib.api.parsing import MAX_BODY_BYTES
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.application import create_web_app
from chalicelib.dashboard.problem_pages import ProblemPages
from chalicelib.domain.errors import Conflict, DeadlineExceeded
from chalicelib.local.refusals import RefusingChannel
from chalicelib.local.web import WebApp, objects_app
from chalicelib.local.wsgi import ChaliceWsgi

THREADS: Final = 16
"""A request that waits for a job holds a thread for up to 20 s."""

STOP_TIMEOUT_S: Final = 10.0


def web_app(services: Services) -> WebApp:
    """Return the whole service as one WSGI application."""
    app = create_web_app(lambda: services, factory=CustomLocalChalice)
    return WebApp(ChaliceWsgi(app, shown=ProblemPages(services).shown), objects_app(services))


class ApiServer:
    """Serve over HTTP. The port is bound when this is made, so `url` is true from then on."""

    def __init__(self, services: Services, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind the port (0: any free one); Conflict when it cannot be had."""
        create: Callable[..., Any] = create_server  # waitress has no types
        self._host = host
        self._server: Any = create(
            web_app(services),
            sockets=[_bound(host, port)],
            threads=THREADS,
            ident="",  # nobody needs to know what serves
            # Behind our own limit, which answers with a problem.
            max_request_body_size=16 * MAX_BODY_BYTES,
        )
        self._server.channel_class = RefusingChannel
        self._thread = threading.Thread(target=self._server.run, name="api", daemon=True)

    @property
    def url(self) -> str:
        """Where the server answers."""
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{shown}:{self._server.effective_port}"

    def start(self) -> None:
        """Answer requests, in a thread."""
        self._thread.start()

    def run(self) -> None:
        """Answer requests in this thread, until an interrupt."""
        self._server.run()

    def stop(self) -> None:
        """Stop answering, close all connections, free the port; stopping again is fine."""
        # Sockets belong to the loop's thread, so it is that thread which closes them.
        if self._thread.is_alive():
            self._server.trigger.pull_trigger(self._close_doors)
        else:
            self._close_doors()
        self._server.task_dispatcher.shutdown()
        self._end_loop()
        # Requests still at work wake the loop through this pipe. Closed any earlier, or with some
        # of them left, they would write into whatever file has its number by then.
        if not self._server.task_dispatcher.threads:
            self._server.trigger.close()

    def _close_doors(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()  # a request that waits for its reader hears of it
        close: Callable[..., object] = wasyncore.dispatcher.close
        close(self._server)  # the server's own close would take the trigger along

    def _end_loop(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.trigger.pull_trigger(self._server._map.clear)  # noqa: SLF001 - no other way
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise DeadlineExceeded("the web server did not stop in time")


def _bound(host: str, port: int) -> socket.socket:
    # Waitress would leave sockets behind when it cannot bind, and bind several for one name.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Conflict(
            f"port {port} of {host} cannot be listened on",
            hint="Stop what listens there, or choose another port.",
        ) from error


def serve(services: Services, host: str, port: int) -> None:
    """Serve until interrupted."""
    server = ApiServer(services, host, port)
    try:
        server.run()
    finally:
        server.stop()
