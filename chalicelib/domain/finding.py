"""What a look at a machine or an installation found, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Say whether a thing is as it should be; only `missing` keeps backups from working."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """Say what was looked at and found, and what to do about it."""

    what: str
    verdict: Verdict
    found: str
    hint: str = ""
