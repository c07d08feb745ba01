"""PostgreSQL version numbers, and the floor below which clients have known holes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import VersionUnsupported

NUMBER: Final = re.compile(r"(\d+)(?:\.(\d+)|(devel|alpha\d+|beta\d+|rc\d+))?")

FLOOR: Final[dict[int, int]] = {18: 7, 17: 12, 16: 16, 15: 20, 14: 25}
"""The first minor release of each major that has the fix of FLOOR_REASON."""

FLOOR_REASON: Final = "CVE-2026-116314"
"""Code execution by a crafted archive in pg_restore; its fix came with all earlier ones."""


@dataclass(frozen=True, order=True)
class Version:
    """Hold a version of PostgreSQL 10 or newer; a pre-release has minor -1."""

    major: int
    minor: int
    text: str = field(compare=False)

    def __str__(self) -> str:
        """Give the number as PostgreSQL writes it."""
        return self.text

    @property
    def is_below_floor(self) -> bool:
        """Whether this version has a known hole; majors newer than the table have none."""
        floor = FLOOR.get(self.major)
        if floor is None:
            return self.major < min(FLOOR)
        return self.minor < floor

    @property
    def floor(self) -> str:
        """The version to have instead, as in 18.7."""
        major = self.major if self.major in FLOOR else min(FLOOR)
        return f"{major}.{FLOOR[major]}"

    @property
    def hole(self) -> str | None:
        """What clients of this version are known for, as a sentence; None at the floor."""
        if not self.is_below_floor:
            return None
        return f"the PostgreSQL clients {self} have a known hole ({FLOOR_REASON})"

    @property
    def cure(self) -> str:
        """What to do about it."""
        return f"Install version {self.floor} or newer."


def parse(text: str) -> Version:
    """Read the first version number out of a text, as in `pg_dump (PostgreSQL) 18.6`."""
    match = NUMBER.search(text)
    if match is None:
        raise VersionUnsupported("a version number of PostgreSQL could not be read")
    minor = -1 if match[3] else int(match[2] or 0)
    return Version(int(match[1]), minor, match[0])
