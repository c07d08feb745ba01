"""Tags as people type them: one `name=value` a line."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from chalicelib.api.requests.fields import TagMap


def parse_tags(typed: object) -> object:
    """Read lines of `name=value`; what is no text is left to the next check."""
    if not isinstance(typed, str):
        return typed
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, typed.splitlines())):
        name, separator, value = line.partition("=")
        if not separator:
            raise ValueError("write each tag on a line of its own, as name=value")
        found[name.strip()] = value.strip()
    return found


TagLines = Annotated[TagMap, BeforeValidator(parse_tags)]
