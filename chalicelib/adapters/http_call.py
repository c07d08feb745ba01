"""One HTTP request to somebody else's server: the address checked is the address connected to.

http.client speaks over a connection that is made here: urllib3 and the like bound each read but not
the whole call, and resolve the name again unless they are taken apart. Redirects and proxies are
nothing it knows of. Of an answer only status and headers are read, 100 lines of 64 KiB at most:
nothing a receiver says is stored or shown, and the connection is closed.
"""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final, cast

from chalicelib.adapters.host_guard import system_resolve
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.http_target import HttpTarget
from chalicelib.ports import Clock, HostGuard

CONNECT_TIMEOUT_S: Final = 5.0
DEADLINE_S: Final = 10.0
SUCCESSES: Final = range(200, 300)
STATUSES: Final = range(100, 600)
NOT_HTTP: Final = "the receiver's answer is not HTTP"


@dataclass(frozen=True)
class HttpRequest:
    """Say what to ask; header values must be ASCII without line breaks."""

    method: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class HttpCaller:
    """Send requests; with a guard, to public addresses only. All times are in seconds."""

    clock: Clock
    guard: HostGuard | None = None
    tls_context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    deadline_s: float = DEADLINE_S

    def call(self, target: HttpTarget, request: HttpRequest) -> int:
        """Return the status of the answer; ChannelFailed when there was none in time.

        Whether a host is unknown, refuses or lies inside cannot be told from what is raised.
        """
        until = self.clock.monotonic() + self.deadline_s
        try:
            with self._connected(target, until) as connection:
                return self._asked(connection, target, request, until)
        except ssl.SSLError as error:
            raise ChannelFailed(
                "no TLS session with the receiver could be made",
                hint="Give the receiver a certificate for its name from a known authority.",
            ) from error
        except OSError as error:
            raise ChannelFailed("the receiver did not answer in time") from error
        except HTTPException as error:
            raise ChannelFailed(NOT_HTTP) from error

    def _connected(self, target: HttpTarget, until: float) -> socket.socket:
        resolve = self.guard.addresses if self.guard is not None else system_resolve
        for address in resolve(target.host):
            try:
                plain = socket.create_connection(
                    (address, target.port), timeout=min(self.connect_timeout_s, self._left(until))
                )
            except OSError:
                continue  # the next address of the same host may answer
            return self._secured(plain, target, until) if target.tls else plain
        raise ChannelFailed("the receiver did not answer in time")

    def _secured(self, plain: socket.socket, target: HttpTarget, until: float) -> socket.socket:
        try:
            plain.settimeout(self._left(until))
            return self.tls_context().wrap_socket(plain, server_hostname=target.host)
        except OSError:
            plain.close()
            raise

    def _asked(
        self, connection: socket.socket, target: HttpTarget, request: HttpRequest, until: float
    ) -> int:
        connection.settimeout(self._left(until))
        asking = HTTPConnection(target.host, target.port)
        asking.sock = connection
        headers = {"Host": target.authority, "Connection": "close", **request.headers}
        asking.request(request.method, target.target, request.body, headers)
        received = _Received(connection, lambda: self._left(until))
        # of a socket an answer takes nothing but the file to read from
        answer = HTTPResponse(cast("socket.socket", received), method=request.method)
        answer.begin()
        if answer.status not in STATUSES:
            raise ChannelFailed(NOT_HTTP)
        return answer.status

    def _left(self, until: float) -> float:
        left = until - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Received(io.RawIOBase):
    """Be what comes over a connection, for as long as the whole call may still take."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection = connection
        self._left = left

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # one time-out per read would let a receiver that drips hold us for hours
        self._connection.settimeout(self._left())
        return self._connection.recv_into(buffer)


@dataclass(frozen=True)
class Heartbeat:
    """Call a dead-man's switch."""

    caller: HttpCaller
    target: HttpTarget

    def ping(self) -> None:
        """Call it once; ChannelFailed unless it answers with success."""
        status = self.caller.call(self.target, HttpRequest("GET"))
        if status not in SUCCESSES:
            raise ChannelFailed(
                f"the dead-man's switch answered with status {status}",
                hint="Check HOLDFAST_HEARTBEAT_URL.",
            )
