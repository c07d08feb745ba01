"""What a cell of the matrix is: one fault, put into one real run, and how that may end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from chalicelib.domain.backup import Backup
from tests.faults.stand import Stand
from tests.support.stack import AWS, EMBEDDED, SETS

COMPLETED: Final = frozenset({"completed"})


@dataclass(frozen=True)
class Finding:
    """Name a broken promise; `is_false_success`: a backup was called good that is not."""

    says: str
    is_false_success: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        return f"FALSE SUCCESS: {self.says}" if self.is_false_success else self.says


@dataclass(frozen=True)
class Trial:
    """Say what a fault was put into, and how that may end: `completed`, or the code of an error.

    `at` names the drawn parameter; `faults` are findings that only the cell can see; `where` is the
    stand that holds the backup, if it is another one.
    """

    backup: Backup
    ends: frozenset[str]
    at: str = ""
    struck: bool = True
    faults: tuple[Finding, ...] = ()
    where: Stand | None = None


@dataclass(frozen=True)
class Draw:
    """Give a cell its chance and its turn, so that it can go through its points one by one."""

    chance: Random
    turn: int

    @property
    def percent(self) -> float:
        """Where in the stream: each whole percent comes in turn."""
        return (self.turn * 37) % 100 + self.chance.random()


Act = Callable[[Stand, Draw], Trial]


@dataclass(frozen=True)
class Cell:
    """Name a cell, for the sets of adapters it makes sense with; `weight` is how often it comes.

    `may_miss` says why no seed can promise that the fault strikes before the run is over.
    """

    fault: str
    name: str
    act: Act
    sets: tuple[str, ...] = SETS
    weight: int = 1
    within_s: float = 20.0
    may_miss: str = ""

    def __str__(self) -> str:
        return f"{self.fault} {self.name}"


ONLY_EMBEDDED: Final = (EMBEDDED,)
ONLY_AWS: Final = (AWS,)


def ends(*codes: str) -> frozenset[str]:
    return frozenset(codes)
