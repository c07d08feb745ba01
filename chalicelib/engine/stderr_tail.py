"""Drain what a program says on stderr, however much it is, and keep what matters of it."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO, Final

READ_BYTES: Final = 1 << 16
MAX_LINE_BYTES: Final = 2000
MAX_ERROR_LINES: Final = 100
TAIL_LINES: Final = 20
JOIN_TIMEOUT_S: Final = 2.0
OURS: Final = re.compile(rb"pg_(?:dump|restore): ")
TROUBLE: Final = re.compile(rb"pg_\w+: (?:error|detail|hint|warning): ")


class LineDrain:
    """Read a pipe to its end in a thread and hand over each line, in memory that does not grow."""

    def __init__(self, pipe: IO[bytes], take: Callable[[bytes], object]) -> None:
        """Begin to read; the pipe may be closed by its owner meanwhile."""
        self._descriptor = os.dup(pipe.fileno())
        self._take = take
        self._thread = threading.Thread(target=self._drain, daemon=True, name="stderr")
        self._thread.start()

    def join(self) -> None:
        """Wait for the pipe's end, but not for a grandchild that keeps it open."""
        self._thread.join(JOIN_TIMEOUT_S)

    def _drain(self) -> None:
        partial = b""
        with open(self._descriptor, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
            while data := pipe.read(READ_BYTES):
                *lines, last = (partial + data).split(b"\n")
                for line in lines:
                    self._take(line[:MAX_LINE_BYTES])
                partial = last[:MAX_LINE_BYTES]
        if partial:
            self._take(partial)


class StderrTail:
    """Keep of what a program says the last lines, and up to a bound all errors with their details.

    `on_line` is called in the reading thread for each line the program itself wrote.
    """

    def __init__(self, pipe: IO[bytes], on_line: Callable[[str], None] | None = None) -> None:
        """Begin to read; the pipe may be closed by its owner meanwhile."""
        self._on_line = on_line
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._errors: list[bytes] = []
        self._in_error = False
        self._drain = LineDrain(pipe, self._take)

    def text(self) -> str:
        """Return the errors, or the last lines when there are none, after the pipe's end."""
        return self.errors() or self._joined(self._tail)

    def errors(self) -> str:
        """Return what the program called an error or a warning, after the pipe's end."""
        self._drain.join()
        return self._joined(self._errors)

    def last_words(self) -> str:
        """Return the last lines that are no news of the program's progress, the last one first.

        The linker, the C library and a crash speak without the program's name.
        """
        self._drain.join()
        return self._joined(line for line in reversed(self._tail) if not OURS.match(line))

    @property
    def has_trouble(self) -> bool:
        """Whether an error or a warning was seen."""
        self._drain.join()
        return bool(self._errors)

    @staticmethod
    def _joined(lines: Iterable[bytes]) -> str:
        return b"\n".join(lines).decode(errors="replace")

    def _take(self, line: bytes) -> None:
        self._tail.append(line)
        if OURS.match(line):
            self._in_error = TROUBLE.match(line) is not None
            if self._on_line is not None:
                self._on_line(line.decode(errors="replace"))
        if self._in_error and len(self._errors) < MAX_ERROR_LINES:
            self._errors.append(line)
