"""How a runner lets somebody trace its steps without knowing who, if anybody, does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Span = Callable[[str], AbstractContextManager[None]]
"""Trace a block under a name. Names are of our own making: no id, no word of a caller."""


def untraced(name: str) -> AbstractContextManager[None]:
    """Trace nothing."""
    del name
    return nullcontext()
