"""Give the addresses of a name only if all of them are public, and tell nobody why not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from chalicelib.domain.public_hosts import is_public, plain_address
from chalicelib.ports import Clock

FLOOR_S: Final = 1.0
"""A name inside is answered from a file in no time and an unknown one is not: both take this."""

MAX_ADDRESSES: Final = 3
"""Each one tried may take a connect timeout; more would outlast what a caller waits for."""

RESOLVE_TIMEOUT_S: Final = 10.0
"""As long as one address may take to connect to. glibc asks each server twice for 5 s, and
resolv.conf may ask for minutes: whoever names a host could have a worker wait that long."""

Resolve = Callable[[str], Sequence[str]]


def system_resolve(host: str) -> Sequence[str]:
    """Ask this machine's resolver for all addresses of a name, of both families.

    None if the name is unknown, or if nobody answers in RESOLVE_TIMEOUT_S.
    """
    return resolved_within(RESOLVE_TIMEOUT_S, _ask_system, host)


def resolved_within(timeout_s: float, resolve: Resolve, host: str) -> Sequence[str]:
    """Return what a resolver says in time, else nothing.

    A look-up cannot be interrupted, so one that is late is left behind in a thread that keeps no
    process from ending.
    """
    answers: SimpleQueue[Sequence[str]] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(resolve(host)), daemon=True).start()
    try:
        return answers.get(timeout=timeout_s)
    except Empty:
        return ()


def _ask_system(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # a name that no encoding takes is as unknown as any
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class PublicHosts:
    """Implement `ports.HostGuard`; `wait` lets seconds pass, `accepts` judges one address."""

    resolve: Resolve
    clock: Clock
    wait: Callable[[float], object]
    accepts: Callable[[str], bool] = is_public

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return what may be connected to, in the resolver's order; nothing if one is inside."""
        began = self.clock.monotonic()
        literal = plain_address(host)
        found = (literal,) if literal else tuple(self.resolve(host))
        if found and all(self.accepts(address) for address in found):
            return found[:MAX_ADDRESSES]
        self.wait(max(0.0, began + FLOOR_S - self.clock.monotonic()))
        return ()
