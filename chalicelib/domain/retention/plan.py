"""Plan retention: from a policy and backups, newest first, to keep or remove, with reasons.

Two passes over the same backups, each in memory that does not grow with their number. `survey`
counts and decides whether retention is frozen; `verdicts` then judges each backup.

Nothing is removed while the last runs failed, after a backup shrank suspiciously, when backups come
from the future, or when the rules would suddenly take more than half: each is what a broken dump,
an emptied database or a clock that leapt looks like from here. A person who has looked says so
(`Situation.accepted_at`); failing runs are thawed by a good one only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain.retention.facts import (
    BackupFacts,
    Freeze,
    FreezeReason,
    Reason,
    Situation,
    Standing,
    Verdict,
)
from chalicelib.domain.retention.judge import Judge, is_protected
from chalicelib.domain.retention.policy import RetentionPolicy

CLOCK_TOLERANCE: Final = timedelta(minutes=15)
MASS_FLOOR: Final = 5
"""Fewer removals at once are never called a mass."""
MASS_SHARE: Final = 0.5


@dataclass(frozen=True)
class Survey:
    """Say what a first look at all backups found.

    `removals` counts the validated backups that the rules take, freeze and budget aside.
    `allowance_bytes` is what the budget leaves to unprotected backups; below 0 it cannot be met, by
    so much. `over_budget` is whether the budget takes more than the rules do, so that only a second
    pass knows what goes.
    """

    validated: int
    removals: int
    allowance_bytes: int | None
    over_budget: bool
    frozen: tuple[Freeze, ...]
    floor: tuple[str, ...]
    """The ids of the newest `min_keep` validated backups, newest first."""


@dataclass(frozen=True)
class Plan:
    """Hold the whole plan for a list of backups."""

    survey: Survey
    verdicts: tuple[Verdict, ...]


def plan(policy: RetentionPolicy, situation: Situation, facts: Iterable[BackupFacts]) -> Plan:
    """Return the plan for backups that fit into memory, newest first."""
    held = tuple(facts)
    found = survey(policy, situation, held)
    return Plan(found, tuple(verdicts(policy, situation, found, held)))


def survey(policy: RetentionPolicy, situation: Situation, facts: Iterable[BackupFacts]) -> Survey:
    """Look at all backups once, newest first."""
    surveyor = Surveyor(policy, situation)
    for one in facts:
        surveyor.take(one)
    return surveyor.survey()


def verdicts(
    policy: RetentionPolicy, situation: Situation, found: Survey, facts: Iterable[BackupFacts]
) -> Iterator[Verdict]:
    """Judge the backups that were surveyed, newest first again."""
    judge = final_judge(policy, situation, found)
    for one in facts:
        yield thawed_or_kept(judge.judge(one), found)


def final_judge(policy: RetentionPolicy, situation: Situation, found: Survey) -> Judge:
    """Return the judge who also knows what the budget leaves."""
    return Judge(policy, situation, found.allowance_bytes)


def thawed_or_kept(verdict: Verdict, found: Survey) -> Verdict:
    """Return the verdict as it holds: while retention is frozen, everything stays."""
    if verdict.keep or not found.frozen:
        return verdict
    return replace(verdict, keep=True, reasons=(Reason.FROZEN, *verdict.reasons))


@dataclass
class Shrinking:
    """Compare the newest of one make with the largest of it."""

    newest: int
    largest: int
    closed: bool = False


@dataclass
class Surveyor:
    """Take backups newest first and keep count."""

    policy: RetentionPolicy
    situation: Situation
    _judge: Judge = field(init=False)
    _removals: int = 0
    _arrivals: int = 0
    _protected_bytes: int = 0
    _kept_bytes: int = 0
    _bad_runs: int = 0
    _future: str | None = None
    _floor: list[str] = field(default_factory=list)
    _bytes: dict[str, Shrinking] = field(default_factory=dict)
    _rows: dict[str, Shrinking] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Judge without a budget: what it leaves is known at the end only."""
        self._judge = Judge(self.policy, self.situation)

    def take(self, facts: BackupFacts) -> Verdict:
        """Look at the next older backup; return what becomes of it, freeze and budget aside."""
        verdict = self._judge.judge(facts)
        if is_protected(verdict):
            self._protected_bytes += facts.stored_bytes
        self._kept_bytes += facts.stored_bytes * verdict.keep
        if facts.created_at > self.situation.now + CLOCK_TOLERANCE:
            self._future = facts.id
        if facts.standing is Standing.VALIDATED:
            self._take_validated(facts, removed=not verdict.keep)
        # newest first, so these are the runs since the last good one
        elif self._judge.validated == 0:
            self._bad_runs += facts.standing in {Standing.FAILED, Standing.UNVALIDATED}
        return verdict

    def _take_validated(self, facts: BackupFacts, *, removed: bool) -> None:
        self._removals += removed
        applied_at = self.situation.applied_at
        self._arrivals += applied_at is not None and facts.created_at > applied_at
        if len(self._floor) < self.policy.min_keep:
            self._floor.append(facts.id)
        self._compare(self._bytes, facts.make, facts.stored_bytes, facts.created_at)
        if facts.rows is not None:
            self._compare(self._rows, facts.type, facts.rows, facts.created_at)

    def _compare(self, seen: dict[str, Shrinking], make: str, size: int, at: datetime) -> None:
        accepted_at = self.situation.accepted_at
        known = seen.setdefault(make, Shrinking(newest=size, largest=size))
        if known.closed:
            return
        known.largest = max(known.largest, size)
        # what was the newest when a person accepted it is the new measure, older ones are not
        known.closed = accepted_at is not None and at <= accepted_at

    def survey(self) -> Survey:
        """Return what was found."""
        budget = self.policy.size_budget_bytes
        return Survey(
            validated=self._judge.validated,
            removals=self._removals,
            allowance_bytes=None if budget is None else budget - self._protected_bytes,
            over_budget=budget is not None and self._kept_bytes > budget,
            frozen=tuple(self._freezes()),
            floor=tuple(self._floor),
        )

    def _freezes(self) -> Iterator[Freeze]:
        limit = self.policy.freeze_after_failures
        if limit is not None and self._bad_runs >= limit:
            yield Freeze(FreezeReason.FAILING, f"the last {self._bad_runs} runs failed")
        yield from self._shrunk(self._bytes, FreezeReason.SHRUNK_BYTES, "bytes")
        yield from self._shrunk(self._rows, FreezeReason.SHRUNK_ROWS, "rows")
        if self._future is not None:
            yield Freeze(FreezeReason.CLOCK, f"backup {self._future} is newer than the clock")
        if self._is_mass():
            yield Freeze(
                FreezeReason.MASS,
                f"{self._removals} of {self._judge.validated} validated backups would go at once",
            )

    def _shrunk(
        self, seen: dict[str, Shrinking], reason: FreezeReason, unit: str
    ) -> Iterator[Freeze]:
        threshold = self.policy.shrink_threshold
        if threshold is None:
            return
        for make, sizes in seen.items():
            if sizes.newest < sizes.largest * (1 - threshold):
                yield Freeze(
                    reason,
                    f"the newest {make} backup has {sizes.newest} {unit},"
                    f" another has {sizes.largest}",
                )

    def _is_mass(self) -> bool:
        """Tell whether the rules take more at once than what came in explains.

        The first run of a policy, and the one after a person accepted things, may take any number.
        """
        applied_at, accepted_at = self.situation.applied_at, self.situation.accepted_at
        if applied_at is None or (accepted_at is not None and accepted_at > applied_at):
            return False
        return (
            self._removals >= MASS_FLOOR
            and self._removals > self._judge.validated * MASS_SHARE
            and self._removals > 2 * self._arrivals
        )
