"""The way of a run: which steps it began, which phases inside them, when, and how long each took.

Kept in the run's own record, by the writes that take a lease or hold one: what is told here is what
a worker was allowed to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from chalicelib.domain.record import Moment

MAX_STEPS: Final = 40
"""A run begins five to fifteen; beyond this somebody tries again and again, and the oldest go."""


class StepBegun(BaseModel):
    """Say that a step began, or a phase inside it, and at which attempt; 0 is before the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    phase: str | None = None
    attempt: int
    began_at: Moment

    @property
    def name(self) -> str:
        """The phase, else the step."""
        return self.phase or self.step


@dataclass(frozen=True)
class StepTaken:
    """Join a step with how long it took; None while it goes on."""

    begun: StepBegun
    duration_s: float | None


def noted(steps: tuple[StepBegun, ...], begun: StepBegun) -> tuple[StepBegun, ...]:
    """Return the steps with one more, at most MAX_STEPS: the newest stay."""
    return (*steps, begun)[-MAX_STEPS:]


def timed(steps: tuple[StepBegun, ...], ended_at: datetime | None) -> tuple[StepTaken, ...]:
    """Return how long each took: a phase until whatever came next, a step until the next step."""
    return tuple(
        StepTaken(begun, _duration_s(begun, _end(begun, steps[number:], ended_at)))
        for number, begun in enumerate(steps, start=1)
    )


def words_of(kind: str, begun: StepBegun) -> str:
    """Return what a run of this kind does then, for people; an unknown phase says its name."""
    path = begun.step if begun.phase is None else f"{begun.step}/{begun.phase}"
    return WORDS.get(kind, {}).get(path, begun.name)


def _end(
    begun: StepBegun, later: tuple[StepBegun, ...], ended_at: datetime | None
) -> datetime | None:
    ends = (one.began_at for one in later if begun.phase is not None or one.phase is None)
    return next(ends, ended_at)


def _duration_s(begun: StepBegun, end: datetime | None) -> float | None:
    # two workers' clocks may differ by more than a step takes
    return None if end is None else max((end - begun.began_at).total_seconds(), 0.0)


WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "backup": {
        "prepare": "looking at the server",
        "dump": "dumping",
        "dump/files": "copying files",
        "verify": "reading it back",
        "verify/proof": "proving it by a restore",
        "seal": "describing and signing",
        "complete": "completing",
    },
    "restore": {
        "prepare": "checking the manifest",
        "restore": "restoring",
        "restore/fetch": "fetching the backup",
        "restore/preflight": "looking at the target",
        "restore/restore": "writing into the target",
        "restore/extensions": "installing extensions",
        "restore/roles": "making roles",
        "restore/definitions": "making schemas and tables",
        "restore/rows": "loading rows",
        "restore/auth": "loading users",
        "restore/storage": "loading buckets",
        "restore/files": "uploading files",
        "restore/indexes and rights": "making indexes and grants",
        "restore/functions": "deploying functions",
        "restore/config": "writing settings",
        "restore/compare": "comparing",
    },
    "job": {"wait": "waiting for a worker", "work": "a worker is at it"},
}
