"""Judge backups one by one, newest first, in memory that does not grow with their number.

Age is counted back from the newest validated backup: a clock that leaps, or backups that stop,
remove nothing. The order of one judgement: what protects, then what the rules keep, then what the
budget still takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

from chalicelib.domain.retention.facts import (
    RULES,
    BackupFacts,
    Reason,
    Situation,
    Standing,
    Verdict,
)
from chalicelib.domain.retention.policy import RetentionPolicy

ENDED_BADLY: Final = frozenset({Standing.FAILED, Standing.CANCELLED})


@dataclass
class Tier:
    """Keep the newest backup of each of the newest `count` spans of time that have one."""

    reason: Reason
    count: int
    seen: set[object] = field(default_factory=set)

    def takes(self, span: object) -> bool:
        """Whether a backup of this span is the first one of it, and spans are left."""
        if len(self.seen) >= self.count or span in self.seen:
            return False
        self.seen.add(span)
        return True


@dataclass
class Judge:
    """Judge the backups of one scope, which must come newest first.

    `allowance` is how many bytes of unprotected backups the budget takes; None is without end.
    """

    policy: RetentionPolicy
    situation: Situation
    allowance: int | None = None
    validated: int = 0
    _reference: datetime | None = None
    _last_end: datetime | None = None
    _runs: int = 0
    _parents: set[str] = field(default_factory=set)
    _tiers: tuple[Tier, ...] = ()
    _has_rules: bool = True

    def __post_init__(self) -> None:
        """Prepare the tiers the policy names."""
        self._tiers = tuple(tiers(self.policy))
        self._has_rules = self.policy.has_rules
        self._parents |= self.situation.parents

    def judge(self, facts: BackupFacts) -> Verdict:
        """Return what becomes of this backup."""
        if facts.standing is Standing.RUNNING:
            return self._running(facts)
        self._last_end = self._last_end or facts.created_at
        self._runs += facts.standing is not Standing.CANCELLED
        reasons = list(self._in_the_way(facts))
        if facts.standing is Standing.VALIDATED:
            return self._validated(facts, reasons)
        if facts.standing is Standing.UNVALIDATED:
            return self._unvalidated(facts, reasons)
        return self._ended_badly(facts, reasons)

    def _running(self, facts: BackupFacts) -> Verdict:
        if facts.parent_id is not None:
            # a parent is older than what builds upon it, so it is still to be judged
            self._parents.add(facts.parent_id)
        return Verdict(facts, True, (Reason.RUNNING,))

    def _in_the_way(self, facts: BackupFacts) -> Iterator[Reason]:
        if facts.locked:
            yield Reason.LOCKED
        if facts.hold_until is not None and self.situation.now < facts.hold_until:
            yield Reason.HELD
        if facts.id in self._parents:
            yield Reason.PARENT
        if facts.id in self.situation.in_use:
            yield Reason.IN_USE

    def _validated(self, facts: BackupFacts, reasons: list[Reason]) -> Verdict:
        self.validated += 1
        if self._reference is None:
            self._reference = facts.created_at
            # first of its reasons: it is the one that nobody can take away
            reasons.insert(0, Reason.NEWEST_VERIFIED)
        if self.validated <= self.policy.min_keep:
            reasons.append(Reason.MIN_KEEP)
        age = self._reference - facts.created_at
        protected = bool(reasons)
        reasons.extend(self._by_rule(facts, age))
        if not reasons:
            return Verdict(facts, False, (Reason.OUTDATED,))
        # what is protected costs no allowance: it stays whether there is room or not
        if not protected and self._is_over_budget(facts):
            return Verdict(facts, False, (Reason.BUDGET,))
        return Verdict(facts, True, tuple(reasons))

    def _by_rule(self, facts: BackupFacts, age: timedelta) -> Iterator[Reason]:
        policy = self.policy
        if not self._has_rules:
            yield Reason.NO_RULE
            return
        if policy.keep_last is not None and self.validated <= policy.keep_last:
            yield Reason.LAST
        if policy.keep_days is not None and age <= timedelta(days=policy.keep_days):
            yield Reason.DAYS
        if self._tiers:
            spans = spans_of(facts.created_at, self.situation.timezone)
            yield from (tier.reason for tier in self._tiers if tier.takes(spans[tier.reason]))

    def _is_over_budget(self, facts: BackupFacts) -> bool:
        if self.allowance is None:
            return False
        self.allowance -= facts.stored_bytes
        if self.allowance < 0:
            # the oldest go first: behind one that does not fit, no smaller one slips through
            self.allowance = -1
        return self.allowance < 0

    def _unvalidated(self, facts: BackupFacts, reasons: list[Reason]) -> Verdict:
        """Keep it while it may be the best there is, and so long that somebody can look into it."""
        if self._is_recent_run():
            reasons.append(Reason.RECENT_RUN)
        grace = timedelta(days=self.policy.unvalidated_grace_days)
        if self.validated < self.policy.min_keep or self._age(facts) <= grace:
            reasons.append(Reason.UNVALIDATED_GRACE)
        return Verdict(facts, bool(reasons), tuple(reasons) or (Reason.UNVALIDATED,))

    def _ended_badly(self, facts: BackupFacts, reasons: list[Reason]) -> Verdict:
        if facts.standing is Standing.FAILED and self._is_recent_run():
            reasons.append(Reason.RECENT_RUN)
        age = (self._last_end or facts.created_at) - facts.created_at
        if age <= timedelta(days=self.policy.keep_failed_days):
            reasons.append(Reason.FAILED_GRACE)
        return Verdict(facts, bool(reasons), tuple(reasons) or (Reason.FAILED,))

    def _is_recent_run(self) -> bool:
        # what decides whether retention is frozen must not go itself
        return self._runs <= (self.policy.freeze_after_failures or 0)

    def _age(self, facts: BackupFacts) -> timedelta:
        return (self._reference or facts.created_at) - facts.created_at


def is_protected(verdict: Verdict) -> bool:
    """Tell whether something keeps this backup whatever the budget says."""
    return verdict.keep and any(reason not in RULES for reason in verdict.reasons)


def tiers(policy: RetentionPolicy) -> Iterator[Tier]:
    """Yield the tiers that the policy names."""
    counts = (
        (Reason.HOURLY, policy.hourly),
        (Reason.DAILY, policy.daily),
        (Reason.WEEKLY, policy.weekly),
        (Reason.MONTHLY, policy.monthly),
        (Reason.YEARLY, policy.yearly),
    )
    yield from (Tier(reason, count) for reason, count in counts if count is not None)


def spans_of(moment: datetime, timezone: tzinfo) -> dict[Reason, object]:
    """Return what hour, day, week, month and year a moment is in there.

    Of the hour that autumn repeats, both are hours of their own: the offset tells them apart.
    """
    local = moment.astimezone(timezone)
    day = local.toordinal()
    return {
        Reason.HOURLY: (day, local.hour, local.utcoffset()),
        Reason.DAILY: day,
        # ordinal 1 was a Monday, the first day of an ISO week
        Reason.WEEKLY: (day - 1) // 7,
        Reason.MONTHLY: (local.year, local.month),
        Reason.YEARLY: local.year,
    }
