"""Notices as lines of a log."""

from __future__ import annotations

from threading import Lock
from typing import TextIO

from chalicelib.domain.audit import Notice
from chalicelib.domain.errors import StorageFailed


class LogNotifier:
    """Write each notice as one line of JSON to a text stream."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream that somebody else opened and closes."""
        self._stream = stream
        self._guard = Lock()

    def deliver(self, notice: Notice) -> None:
        """Write the line and flush it; StorageFailed when the stream does not take it."""
        line = notice.model_dump_json(exclude={"revision", "state", "tries"}) + "\n"
        try:
            with self._guard:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise StorageFailed(
                f"the notice {notice.id} cannot be written",
                hint="Check where the log of notices goes, then start Holdfast again.",
            ) from error
