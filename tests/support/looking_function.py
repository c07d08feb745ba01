"""A worker that says what it holds, and does nothing else: it needs no installation for that."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.settings import Settings
from chalicelib.worker import own_look


def handler(event: Mapping[str, object], _context: object) -> dict[str, str]:
    assert own_look.is_asked(event)
    return own_look.programs(Settings())
