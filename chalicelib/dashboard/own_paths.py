"""Paths that a form may send the browser on to: ours only, whatever was typed."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

OURS: Final = r"^/([^/\\\x00-\x20][^\\\x00-\x20]*)?$"
"""A path of ours: a second slash would make it the name of another host."""

OwnPath = Annotated[str, Field(pattern=OURS, max_length=1500)]


class BackForm(BaseModel):
    """Be a form that leads back to where its button stood, where it says so."""

    model_config = ConfigDict(extra="forbid")

    back: OwnPath | None = None


def own_path(typed: str, otherwise: str) -> str:
    """Return a path as it was typed if it is one of ours, for forms that were refused."""
    return typed if typed and re.fullmatch(OURS, typed) else otherwise


def noticed(path: str, notice: str) -> str:
    """Return a path whose page says what was done; `notice` names one of the notices."""
    return f"{path}{'&' if '?' in path else '?'}notice={notice}"
