"""Tags as people type them: one `name=value` a line."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from chalicelib.api.requests.fields import TagMap


def parse_tags(typed: object) -> object:
    """Read lines of `name=value`; what is no text is left to the next check."""
    return tags_in(typed) if isinstance(typed, str) else typed


def tags_in(text: str) -> dict[str, str]:
    """Read lines of `name=value`; ValueError says how to write them."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, separator, value = line.partition("=")
        if not separator:
            raise ValueError("write each tag on a line of its own, as name=value")
        found[name.strip()] = value.strip()
    return found


TagLines = Annotated[TagMap, BeforeValidator(parse_tags)]
