"""How a record changes: a value replaces, None leaves alone, and what is named is cleared."""

from __future__ import annotations

from collections.abc import Mapping


def replacing(values: Mapping[str, object], cleared: frozenset[str]) -> dict[str, object]:
    """Return the fields to write: values that were given, and None for those to be cleared."""
    given = {name: value for name, value in values.items() if value is not None}
    return given | dict.fromkeys(cleared & values.keys())


def left_empty(**fields: object) -> frozenset[str]:
    """Return the names of the fields that are None, where whoever asks has shown all of them."""
    return frozenset(name for name, value in fields.items() if value is None)
