"""Notices as lines of a file."""

from __future__ import annotations

import os
from pathlib import Path

from chalicelib.adapters.embedded.disk import translated
from chalicelib.domain.audit import Notice


class FileNotifier:
    """Append each notice as one line of JSON to a file that only its owner reads.

    Threads and processes may share the file: a line goes out in one write at the file's end.
    """

    def __init__(self, path: Path) -> None:
        """Use the file, which is made with the first notice."""
        self._path = path

    def deliver(self, notice: Notice) -> None:
        """Append the line; StorageFailed when the disk does not take it."""
        line = notice.model_dump_json(exclude={"revision", "state", "tries"}) + "\n"
        with translated(f"the notice {notice.id} cannot be written"):
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line.encode())
            finally:
                os.close(fd)
