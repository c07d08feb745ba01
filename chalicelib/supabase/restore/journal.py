"""Remember how far a restore came, for the case that it cannot go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import SourceError

COMPARE: Final = "compare"
AGAIN: Final = "Make a new project, or empty this one, then restore again."
UNCOMPARED: Final = (
    "The target holds everything, and nothing was compared: look at it yourself, or restore into"
    " a new project."
)


@dataclass
class Journal:
    """Hold the phases of a restore in their order, the last of them under way."""

    phases: list[str] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        """Note that another phase begins, and that the one before has ended."""
        self.phases.append(phase)

    def told(self, error: SourceError) -> SourceError:
        """Return the error with what is in the target, and what is to be done about it."""
        if not self.phases:
            return error
        *ended, current = self.phases
        hint = UNCOMPARED if current == COMPARE else f"{_holding(ended, current)} {AGAIN}"
        return type(error)(f"{error.message}, at the phase {current}", hint=hint)


def _holding(ended: list[str], current: str) -> str:
    if not ended:
        return f"The target holds what the phase {current} had brought."
    return f"The target holds {', '.join(ended)}, and a part of {current}."
