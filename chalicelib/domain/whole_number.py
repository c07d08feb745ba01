"""Whole numbers as JSON writes them: it has one kind of number, and 60.0 is as whole as 60."""

from __future__ import annotations

from typing import Final

from pydantic import BeforeValidator


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Goes before a strict `int`, which would refuse 60.0; JSON Schema takes it."""
