"""Listeners that only count who knocks: one port, several addresses of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

LOOPBACKS: Final = ("127.0.0.1", "::1")


class CanaryServer:
    """Accept on one port of each address, hang up at once, and count per address."""

    def __init__(self, addresses: Sequence[str] = LOOPBACKS, port: int = 0) -> None:
        self.connects: dict[str, int] = dict.fromkeys(addresses, 0)
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = port
        for address in addresses:
            self._listen(address)

    def __enter__(self) -> Self:
        for address, listener in zip(self.connects, self._listeners, strict=True):
            thread = threading.Thread(target=self._count, args=(address, listener), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def total(self) -> int:
        return sum(self.connects.values())

    def _listen(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, self.port), family=family, backlog=128)
        self.port = int(listener.getsockname()[1])
        self._listeners.append(listener)

    def _count(self, address: str, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed to end this loop
            while True:
                line, _ = listener.accept()
                self.connects[address] += 1
                line.close()
