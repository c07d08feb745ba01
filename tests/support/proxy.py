"""A TCP proxy between a client and a server that can cut the line or let it fall silent."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN


class Proxy:
    """Forward 127.0.0.1:`port` to `target`.

    When one connection has brought `limit_bytes` from the server, all lines are cut, or with
    `silent` the bytes of all lines stop flowing while the connections stay open.
    """

    def __init__(
        self, target: tuple[str, int], *, limit_bytes: int | None = None, silent: bool = False
    ) -> None:
        self._target = target
        self._limit_bytes = limit_bytes
        self._is_silent = silent
        self._lines: list[socket.socket] = []
        self.struck = threading.Event()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()
        self._acceptor.join(5)

    def strike(self) -> None:
        """Cut or silence every line, now."""
        self.struck.set()
        if not self._is_silent:
            self._cut_all()

    def _cut_all(self) -> None:
        for line in self._lines:
            with suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed to end this loop
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._lines += [client, server]
                self._start(client, server, None)
                self._start(server, client, self._limit_bytes)

    def _start(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        threading.Thread(target=self._forward, args=(source, sink, limit), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        moved = 0
        with suppress(OSError):
            while data := source.recv(65536):
                moved += len(data)
                if limit is not None and moved >= limit:
                    self.strike()
                if self.struck.is_set():
                    self._closing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
