"""One HTTP request to somebody else's server: the address checked is the address connected to.

Written over sockets because the usual clients resolve the name again, follow redirects, and bound
each read but not the whole. Of the answer only the status line is read: nothing a receiver says is
stored or shown, and the connection is closed.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from chalicelib.adapters.host_guard import system_resolve
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.http_target import HttpTarget
from chalicelib.ports import Clock, HostGuard

CONNECT_TIMEOUT_S: Final = 5.0
DEADLINE_S: Final = 10.0
MAX_STATUS_LINE: Final = 1024
SUCCESSES: Final = range(200, 300)
STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")


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
        connection.sendall(_written(target, request))
        received = b""
        while b"\n" not in received and len(received) <= MAX_STATUS_LINE:
            # one time-out per read would let a receiver that drips hold us for hours
            connection.settimeout(self._left(until))
            chunk = connection.recv(MAX_STATUS_LINE)
            if not chunk:
                break
            received += chunk
        found = STATUS_LINE.match(received)
        if found is None:
            raise ChannelFailed("the receiver's answer is not HTTP")
        return int(found[1])

    def _left(self, until: float) -> float:
        left = until - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


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


def _written(target: HttpTarget, request: HttpRequest) -> bytes:
    headers = {
        "Host": target.authority,
        "Connection": "close",
        "Content-Length": str(len(request.body)),
        **request.headers,
    }
    lines = [f"{request.method} {target.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + request.body
