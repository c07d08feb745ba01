"""A small HTTP server on the loopback: a table of routes, answers, and failures on demand."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

CHUNK_BYTES: Final = 64 * 1024
POLL_S: Final = 0.01
QUIET_S: Final = 30.0
"""How long a connection may lie idle before its thread ends."""


@dataclass(frozen=True)
class Asked:
    """Hold one request; `path` is as it came, without the query. The body is read once."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Iterator[bytes] = field(repr=False)

    def read(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.body)

    def json(self) -> Any:
        """Return the body's document; None for an empty one."""
        text = self.read()
        return json.loads(text) if text else None


@dataclass(frozen=True)
class Span:
    """Name some bytes of a file: from `start`, `length` of them."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Answer:
    """Hold what is answered: bytes, or some of a file."""

    status: int = HTTPStatus.OK
    body: bytes | Span = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def document(cls, value: object, status: int = HTTPStatus.OK) -> Answer:
        """Answer with JSON."""
        headers = {"Content-Type": "application/json"}
        return cls(status, json.dumps(value).encode(), headers)


@dataclass
class Trouble:
    """Answer with a failure, so many `times`, where method and path fit a pattern.

    `before` runs first; what it raises breaks the connection without an answer.
    """

    fits: str
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=lambda: {"message": "trouble on demand"})
    before: Callable[[], object] = lambda: None


Act = Callable[[Asked, "re.Match[str]"], Answer]


@dataclass(frozen=True)
class Route:
    """Say who answers a method and a path; the whole path must fit."""

    method: str
    path: str
    act: Act


class StandInServer:
    """Answer by routes until it is closed; counts what was asked."""

    def __init__(self, routes: Sequence[Route], troubles: Sequence[Trouble]) -> None:
        """Begin to listen on a free port of the loopback."""
        self._routes = [(route, re.compile(route.path)) for route in routes]
        self.troubles = list(troubles)
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,))
        self._thread.start()

    @property
    def url(self) -> str:
        """The address without a last slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Answer:
        """Answer one request."""
        call = f"{asked.method} {asked.path}"
        trouble = self._trouble(call)
        if trouble is not None:
            trouble.before()
            refusal = Answer.document(trouble.body, trouble.status)
            return Answer(refusal.status, refusal.body, {**refusal.headers, **trouble.headers})
        for route, path in self._routes:
            match = path.fullmatch(asked.path) if route.method == asked.method else None
            if match is not None:
                return route.act(asked, match)
        return Answer.document({"message": f"Cannot {call}"}, HTTPStatus.NOT_FOUND)

    def _trouble(self, call: str) -> Trouble | None:
        with self._lock:
            self.asked.append(call)
            for trouble in self.troubles:
                if trouble.times > 0 and re.search(trouble.fits, call):
                    trouble.times -= 1
                    return trouble
        return None


class _Listener(ThreadingHTTPServer):
    """Answer each connection in a thread that ends with the process."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a broken connection be: whoever asked sees it."""


def _handler(server: StandInServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = QUIET_S
        # a small answer is two writes, and the second would wait for an acknowledgement
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = _body(self.rfile, headers)
            answer = server.answer(Asked(self.command, url.path, query, headers, body))
            for _ in body:  # what was not read would be taken for the next request
                pass
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            body = answer.body
            length = body.length if isinstance(body, Span) else len(body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command == "HEAD":
                return
            if isinstance(body, Span):
                _copy(body, self.wfile)
            else:
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """Keep still: paths name what users stored."""

    return Handler


def _body(stream: BufferedIOBase, headers: Mapping[str, str]) -> Iterator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(stream.readline().split(b";")[0], 16):
            yield stream.read(size)
            stream.readline()
        stream.readline()
        return
    left = int(headers.get("content-length", "0"))
    while left and (data := stream.read(min(left, CHUNK_BYTES))):
        left -= len(data)
        yield data


def _copy(span: Span, target: BufferedIOBase) -> None:
    with span.path.open("rb") as file:
        if span.start == 0 and span.length == span.path.stat().st_size:
            shutil.copyfileobj(file, target, CHUNK_BYTES)
            return
        file.seek(span.start)
        left = span.length
        while left and (data := file.read(min(left, CHUNK_BYTES))):
            left -= len(data)
            target.write(data)
