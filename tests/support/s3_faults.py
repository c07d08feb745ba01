"""An HTTP proxy in front of an AWS server that goes wrong where it is told to."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN


@dataclass(frozen=True)
class Request:
    """A request as it came: the operation is named as botocore names it."""

    operation: str
    part: int | None
    headers: dict[str, str]
    body: bytes
    method: str
    path: str


Act = Callable[["_Handler", Request], None]


@dataclass
class Fault:
    """Go wrong the first `times` times that the operation (and part, if given) is asked for."""

    operation: str
    act: Act
    part: int | None = None
    times: int = 1

    def strikes(self, request: Request) -> bool:
        if request.operation != self.operation or self.part not in {None, request.part}:
            return False
        self.times -= 1
        return self.times >= 0


@dataclass
class FaultyS3:
    """Forward 127.0.0.1:`port` to `target_port`, with faults; remember every request."""

    target_port: int
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    guard: Lock = field(default_factory=Lock)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def asked(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def struck(self, request: Request) -> Act | None:
        with self.guard:
            self.requests.append(request)
            return next((fault.act for fault in self.faults if fault.strikes(request)), None)


def answer(status: int, code: str) -> Act:
    """Answer with an error, without asking the server."""

    def act(handler: _Handler, request: Request) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>m</Message></Error>'
        handler.reply(status, [("Content-Type", "application/xml")], body.encode())

    return act


def refuse(status: int, code: str) -> Act:
    """Answer with an error as the services that speak JSON do, without asking the server."""

    def act(handler: _Handler, request: Request) -> None:
        body = json.dumps({"__type": code, "message": "m"}).encode()
        handler.reply(status, [("Content-Type", "application/x-amz-json-1.0")], body)

    return act


def reset(handler: _Handler, request: Request) -> None:
    """Cut the line before the server hears of the request."""
    handler.cut()


def lose_answer(handler: _Handler, request: Request) -> None:
    """Let the server do it, then cut the line."""
    handler.ask(request)
    handler.cut()


def corrupt(handler: _Handler, request: Request) -> None:
    """Flip a byte of what goes to the server."""
    changed = bytearray(request.body)
    changed[len(changed) // 2] ^= 1
    handler.relay(handler.ask(request, bytes(changed)))


def corrupt_answer(handler: _Handler, request: Request) -> None:
    """Flip a byte of what comes from the server."""
    status, headers, body = handler.ask(request)
    changed = bytearray(body)
    changed[len(changed) // 2] ^= 1
    handler.relay((status, headers, bytes(changed)))


def cut_answer(at: int) -> Act:
    """Cut the line after some bytes of what comes from the server."""

    def act(handler: _Handler, request: Request) -> None:
        status, headers, body = handler.ask(request)
        handler.relay((status, headers, body[:at]), length=len(body))
        handler.cut()

    return act


Answer = tuple[int, list[tuple[str, str]], bytes]


class _Handler(BaseHTTPRequestHandler):
    proxy: ClassVar[FaultyS3]
    protocol_version = "HTTP/1.1"
    timeout = 20

    def handle_any(self) -> None:
        request = self._request()
        act = self.proxy.struck(request)
        if act is None:
            self.relay(self.ask(request))
        else:
            act(self, request)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the base's names

    def ask(self, request: Request, body: bytes | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.proxy.target_port, timeout=20)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "expect"}
        try:
            sent = request.body if body is None else body
            connection.request(request.method, request.path, sent, headers)
            response: HTTPResponse = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def relay(self, found: Answer, length: int | None = None) -> None:
        status, headers, body = found
        kept = [(k, v) for k, v in headers if k.lower() not in {"content-length", "connection"}]
        if self.command == "HEAD":
            length = int(dict(headers).get("Content-Length", 0))
        self.reply(status, kept, body, length=length)

    def reply(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):  # the line may be cut
            super().finish()

    def log_message(self, *_: Any) -> None:
        pass

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        number = query.get("partNumber")
        target = self.headers.get("X-Amz-Target", "")
        operation = _operation(self.command, query)
        if "x-amz-copy-source" in self.headers:
            operation = COPIES[operation]
        return Request(
            # the services that speak JSON name the operation in a header
            target.rpartition(".")[2] or operation,
            int(number[0]) if number else None,
            dict(self.headers.items()),
            body,
            self.command,
            self.path,
        )


COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}


def _operation(method: str, query: dict[str, list[str]]) -> str:
    marks = {
        ("POST", "uploads"): "CreateMultipartUpload",
        ("PUT", "partNumber"): "UploadPart",
        ("POST", "uploadId"): "CompleteMultipartUpload",
        ("DELETE", "uploadId"): "AbortMultipartUpload",
        ("GET", "uploadId"): "ListParts",
        ("GET", "uploads"): "ListMultipartUploads",
        ("GET", "list-type"): "ListObjectsV2",
    }
    plain = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    found = (name for (m, mark), name in marks.items() if m == method and mark in query)
    return next(found, plain.get(method, method))
