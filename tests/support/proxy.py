"""A TCP proxy between a client and a server that can cut the line or let it fall silent."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN
TRICKLE_S: Final = 1.0
"""How long a trickling line takes for each byte."""

When = Callable[[bytes, int], bool]
"""Tell from the latest bytes of a line, and how many it had with them, whether it is time."""


class Proxy:
    """Forward 127.0.0.1:`port`, any that is free when none is given, to `target`.

    When one connection has brought `limit_bytes` from the server, all lines are cut, or with
    `silent` the bytes of all lines stop flowing while the connections stay open. The same when a
    client says `words`. Whoever sets `at_limit` has that done instead, once, while the bytes wait.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        limit_bytes: int | None = None,
        silent: bool = False,
        words: bytes | None = None,
        port: int = 0,
    ) -> None:
        self._target = target
        self._brought: When = lambda _, size: limit_bytes is not None and size >= limit_bytes
        self._said: When = lambda data, _: words is not None and words in data
        self._is_silent = silent
        self.at_limit: Callable[[], object] = self.strike
        self.reached = threading.Event()
        self.trickles = threading.Event()
        self.most_bytes = 0
        self._lines: list[socket.socket] = []
        self.struck = threading.Event()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._stop_listening()
        self.cut()
        self._acceptor.join(5)

    def strike(self) -> None:
        """Cut or silence every line, now."""
        self.struck.set()
        if not self._is_silent:
            self.cut()

    def refuse(self) -> None:
        """Cut every line and take no new ones."""
        self._stop_listening()
        self.cut()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def cut(self) -> None:
        """Cut the lines there are; new ones are served."""
        for line in self._lines:
            with suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed to end this loop
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._target)
                except OSError:  # the server is gone, and whoever asks shall learn it
                    client.close()
                    continue
                self._lines += [client, server]
                self._start(client, server, self._said)
                self._start(server, client, self._brought)

    def _start(self, source: socket.socket, sink: socket.socket, when: When) -> None:
        threading.Thread(target=self._forward, args=(source, sink, when), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, when: When) -> None:
        try:
            self._forward_all(source, sink, when)
        except OSError:  # one end is gone, and the other shall learn it
            for line in (source, sink):
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def _forward_all(self, source: socket.socket, sink: socket.socket, when: When) -> None:
        moved = 0
        while data := source.recv(65536):
            moved += len(data)
            self.most_bytes = max(self.most_bytes, moved)
            if when(data, moved) and not self.reached.is_set():
                self.reached.set()
                self.at_limit()
            self._pass_on(data, sink)
        sink.shutdown(socket.SHUT_WR)

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        if self.struck.is_set():
            self._closing.wait()
        while self.trickles.is_set() and data and not self._closing.wait(TRICKLE_S):
            sink.sendall(data[:1])
            data = data[1:]
        sink.sendall(data)
