"""Waiting for what other processes do, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Final

PATIENCE_S: Final = 40.0
"""Two cores may be busy with other things; nothing here takes that long by itself."""


def await_that(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail when it does not come to."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        Event().wait(0.01)
