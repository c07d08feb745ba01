"""What every object store refuses alike: keys that are no plain paths, wrong parts and ranges.

Pure. The adapters ask here before they touch their store, so that a request that is refused by one
is refused by all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chalicelib.domain.errors import InvalidRequest
from chalicelib.ports import Part, PartLimits

MAX_KEY_BYTES: Final = 1024  # S3's limit
MAX_SEGMENT_BYTES: Final = 250  # file systems take 255; a marked segment may not grow past it

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


def checked_segments(key: str) -> list[str]:
    """Return the key's segments; InvalidRequest when it is not a plain relative path."""
    segments = key.split("/")
    problem = _problem(key, segments)
    if problem is not None:
        raise InvalidRequest(f"a key {problem}", field="key")
    return segments


def is_key(key: str) -> bool:
    """Tell whether an object can have this key."""
    return _problem(key, key.split("/")) is None


def _problem(key: str, segments: list[str]) -> str | None:
    if _UNSAFE.search(key):
        return "may not hold control characters, backslashes or half letters"
    if any(segment in {"", ".", ".."} for segment in segments):
        return "may not have empty, '.' or '..' segments"
    too_long = any(_segment_bytes(s) > MAX_SEGMENT_BYTES for s in segments)
    if too_long or len(key.encode()) > MAX_KEY_BYTES:
        return f"has at most {MAX_KEY_BYTES} bytes, {MAX_SEGMENT_BYTES} in a segment"
    return None


def _segment_bytes(segment: str) -> int:
    # a store in a directory writes `%` and `@` as three letters
    return len(segment.encode()) + 2 * (segment.count("%") + segment.count("@"))


def in_order(parts: Sequence[Part]) -> list[Part]:
    """Return the parts ascending by number; none twice, and at least one."""
    if not parts:
        raise InvalidRequest("an upload completes with at least one part", field="parts")
    if len({part.number for part in parts}) != len(parts):
        raise InvalidRequest("a part is named twice", field="parts")
    return sorted(parts, key=lambda part: part.number)


def check_part(number: int, size_bytes: int, limits: PartLimits) -> None:
    """Refuse a part that the store's limits do not allow."""
    if not 1 <= number <= limits.max_parts:
        raise InvalidRequest(f"part {number} is not in 1…{limits.max_parts}", field="number")
    if size_bytes > limits.max_part_bytes:
        raise InvalidRequest(
            f"part {number} has {size_bytes} bytes, more than {limits.max_part_bytes}",
            field="data",
        )


def check_range(start: int, end: int | None) -> None:
    """Refuse a range that begins before the object or ends before it begins."""
    if start < 0 or (end is not None and end < start):
        raise InvalidRequest(f"there is no range from {start} to {end}", field="range")
