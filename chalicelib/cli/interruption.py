"""SIGINT, SIGTERM and SIGHUP: the first one starts the clean-up, which no further one disturbs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from chalicelib.domain.errors import Cancelled

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Turn signals into one KeyboardInterrupt, or into a flag for code that asks for it.

    Code that owns processes and connections polls the flag, so that it is never torn out of the
    middle of its own clean-up.
    """

    def __init__(self) -> None:
        """Begin without having been asked to stop."""
        self.asked = False
        self._polled = False
        self._receiver: Callable[[int], None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Receive the signals; the former handlers come back at the end."""
        former = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            # under nohup a lost terminal is to change nothing
            if number is not signal.SIGHUP or former[number] is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def polled(self) -> Iterator[None]:
        """Only raise the flag for as long as this lasts; the caller asks for it."""
        self._polled = True
        try:
            yield
        finally:
            self._polled = False

    @contextmanager
    def passed_on(self, receive: Callable[[int], None]) -> Iterator[None]:
        """Give every signal, not only the first, to somebody else for as long as this lasts."""
        self._receiver = receive
        try:
            yield
        finally:
            self._receiver = None

    def check(self) -> None:
        """Raise Cancelled when a signal has asked to stop."""
        if self.asked:
            raise interrupted()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._receiver is not None:
            self._receiver(number)
            return
        first, self.asked = not self.asked, True
        if first and not self._polled:
            raise KeyboardInterrupt


def interrupted() -> Cancelled:
    """Be the one answer to an interruption, whichever way it came."""
    return Cancelled("interrupted", hint="Everything that was begun has been cleaned up.")
