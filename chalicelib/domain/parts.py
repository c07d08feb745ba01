"""How a stream is cut into the parts of an upload."""

from __future__ import annotations

import math
from typing import Final

MIB: Final = 1024 * 1024
BASE_PART_BYTES: Final = 8 * MIB
MAX_OBJECT_BYTES: Final = 4_916 * 1024 * MIB
"""The largest artefact we promise to store, 4.8 TiB; S3 takes 10,000 parts."""

_TIERS: Final = 10


def part_bytes(number: int, max_parts: int) -> int:
    """Return the size of part `number` (from 1), so that `max_parts` reach MAX_OBJECT_BYTES.

    A store with room for enough parts gets them all small. Otherwise sizes grow in ten tiers, so
    that small dumps keep small parts and nobody has to know the size of a stream beforehand.
    """
    if BASE_PART_BYTES * max_parts >= MAX_OBJECT_BYTES:
        return BASE_PART_BYTES
    tier = min((number - 1) * _TIERS // max_parts, _TIERS - 1)
    return math.ceil(BASE_PART_BYTES * _growth(max_parts) ** tier / MIB) * MIB


def _growth(max_parts: int) -> float:
    # The ratio between tiers whose sum just holds the largest object, by bisection.
    per_tier = max_parts / _TIERS
    low, high = 1.0, 16.0
    for _ in range(40):
        middle = (low + high) / 2
        total = sum(BASE_PART_BYTES * middle**tier * per_tier for tier in range(_TIERS))
        low, high = (middle, high) if total < MAX_OBJECT_BYTES else (low, middle)
    return high
