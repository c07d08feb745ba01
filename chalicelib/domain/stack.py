"""What was seen of an installation on AWS: facts only, for others to judge.

Names of functions and machines are fixed by the stage, as in the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

STACK_PREFIX: Final = "holdfast-"
FUNCTIONS: Final = (
    "api_handler",
    "event_backup",
    "gate",
    "gate_status",
    "link_signer",
    "scheduled_backup",
    "sweeper",
    "worker",
)
MACHINES: Final = ("backup", "restore", "job", "pre-migration")


class Presence(StrEnum):
    """Say whether a thing is there: `hidden` may not be looked at, `silent` gave no answer."""

    THERE = "there"
    ABSENT = "absent"
    HIDDEN = "hidden"
    SILENT = "silent"


class Kind(StrEnum):
    """Say what a piece of an installation is."""

    STACK = "stack"
    FUNCTION = "function"
    LOG_GROUP = "log group"
    TABLE = "table"
    BUCKET = "bucket"
    DATA_KEY = "data key"
    SIGNING_KEY = "signing key"
    SECRET = "secret"  # noqa: S105 - a kind of thing
    MACHINE = "state machine"
    SCHEDULES = "schedule group"
    TOPIC = "topic"
    QUEUE = "dead-letter queue"
    ROLE = "role"
    PROGRAMS = "worker's programs"


@dataclass(frozen=True)
class Piece:
    """Name a piece of an installation."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        """Return kind and name, as a finding names it."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Seen:
    """Say what was seen of a piece; `traits` are words and numbers of the service as text."""

    presence: Presence
    traits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StackFacts:
    """Hold what was seen of an installation, at one time, from one region.

    `parameters` are those of the stack; `settings` the variables of each function, by its name.
    """

    name: str
    region: str
    pieces: Mapping[Piece, Seen]
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def named(self, kind: Kind) -> dict[str, Seen]:
        """Return the pieces of a kind that are there, by their names."""
        return {
            piece.name: seen
            for piece, seen in self.pieces.items()
            if piece.kind is kind and seen.presence is Presence.THERE
        }


def stage_of(stack_name: str) -> str:
    """Return the stage of a stack; the stage's own name does as well."""
    return stack_name.removeprefix(STACK_PREFIX)
