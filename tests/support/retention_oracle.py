"""What retention must do, said a second time: slow, obvious, and without a line of the planner.

`violations` looks at a plan as a whole. Where the planner streams, this looks everything up again
for each backup, so that a slip in either shows as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property

from chalicelib.domain.retention.facts import BackupFacts, Standing
from chalicelib.domain.retention.plan import Plan
from tests.support.retention_histories import TIERS, History


def violations(history: History, plan: Plan) -> tuple[str, ...]:
    """Return a sentence for everything in the plan that must not be."""
    oracle = Oracle(history)
    removed = {verdict.facts.id for verdict in plan.verdicts if not verdict.keep}
    return (*oracle.losses(removed), *oracle.differences(plan, removed))


class Oracle:
    """Know one history in full."""

    def __init__(self, history: History) -> None:
        self.policy = history.policy
        self.situation = history.situation
        self.backups = history.backups
        self.good = [b for b in history.backups if b.standing is Standing.VALIDATED]

    def losses(self, removed: set[str]) -> Iterator[str]:
        """Name what is removed and never may be, whatever any rule says."""
        floor = {one.id for one in self.good[: max(1, self.policy.min_keep)]}
        yield from (f"{gone} is of the newest min_keep" for gone in floor & removed)
        yield from (f"{gone} is in use" for gone in self.situation.in_use & removed)
        yield from (f"{gone} is a parent" for gone in self._parents & removed)
        for one in self.backups:
            if one.id in removed and one.locked:
                yield f"{one.id} is locked"
            if one.id in removed and one.standing is Standing.RUNNING:
                yield f"{one.id} is running"
            if one.id in removed and self._is_held(one):
                yield f"{one.id} is held for its migration"

    def differences(self, plan: Plan, removed: set[str]) -> Iterator[str]:
        """Name where the plan is not exactly what the policy says."""
        if [verdict.facts for verdict in plan.verdicts] != list(self.backups):
            yield "not every backup has one verdict"
        if any(not verdict.reasons for verdict in plan.verdicts):
            yield "a verdict has no reason"
        words = {freeze.reason.value for freeze in plan.survey.frozen}
        if words != self._freezes():
            yield f"frozen by {sorted(words)} and not by {sorted(self._freezes())}"
        expected = set() if words else self._outdated | self._over_budget()
        yield from (f"{one} goes and should stay" for one in removed - expected)
        yield from (f"{one} stays and should go" for one in expected - removed)

    def _protected(self, one: BackupFacts) -> bool:
        floor = {other.id for other in self.good[: self.policy.min_keep]}
        in_the_way = one.locked or one.id in self._parents | self.situation.in_use
        return in_the_way or one.id in floor or self._is_held(one)

    @cached_property
    def _outdated(self) -> set[str]:
        gone: set[str] = set()
        for one in self.backups:
            if one.standing is Standing.RUNNING or self._protected(one):
                continue
            gone |= {one.id} if self._is_outdated(one) else set()
        return gone

    def _is_outdated(self, one: BackupFacts) -> bool:
        if one.standing is Standing.VALIDATED:
            return self._has_rules() and not self._kept_by_rule(one)
        if one.standing is not Standing.CANCELLED and one.id in {
            run.id for run in self._last_runs()
        }:
            return False
        if one.standing is Standing.UNVALIDATED:
            newer = [other for other in self.good if other.id > one.id]
            if len(newer) < self.policy.min_keep:
                return False
            return _age_days(one, self.good[0]) > self.policy.unvalidated_grace_days
        ended = [b for b in self.backups if b.standing is not Standing.RUNNING]
        return _age_days(one, ended[0]) > self.policy.keep_failed_days

    def _over_budget(self) -> set[str]:
        budget = self.policy.size_budget_bytes
        if budget is None:
            return set()
        left = {one.id: one.stored_bytes for one in self.backups if one.id not in self._outdated}
        gone: set[str] = set()
        for one in reversed(self.good):
            if sum(left.values()) > budget and one.id in left and not self._protected(one):
                del left[one.id]
                gone.add(one.id)
        return gone

    def _has_rules(self) -> bool:
        names = ("keep_last", "keep_days", *TIERS)
        return any(getattr(self.policy, name) is not None for name in names)

    def _kept_by_rule(self, one: BackupFacts) -> bool:
        policy = self.policy
        newest = {other.id for other in self.good[: policy.keep_last or 0]}
        if one.id in newest | self._kept_by_tiers:
            return True
        return policy.keep_days is not None and _age_days(one, self.good[0]) <= policy.keep_days

    @cached_property
    def _kept_by_tiers(self) -> set[str]:
        kept: set[str] = set()
        for name in TIERS:
            label, count = _LABELS[name], getattr(self.policy, name) or 0
            newest: dict[str, str] = {}
            for one in self.good if count else ():
                newest.setdefault(label(one.created_at.astimezone(self.situation.timezone)), one.id)
            kept |= set(list(newest.values())[:count])
        return kept

    def _last_runs(self) -> list[BackupFacts]:
        still = {Standing.RUNNING, Standing.CANCELLED}
        runs = [one for one in self.backups if one.standing not in still]
        return runs[: self.policy.freeze_after_failures or 0]

    def _is_held(self, one: BackupFacts) -> bool:
        return one.hold_until is not None and one.hold_until > self.situation.now

    @cached_property
    def _parents(self) -> set[str]:
        running = [one for one in self.backups if one.standing is Standing.RUNNING]
        return {one.parent_id for one in running if one.parent_id} | self.situation.parents

    def _freezes(self) -> set[str]:
        words: set[str] = set()
        runs = self._last_runs()
        if runs and len(runs) == self.policy.freeze_after_failures:
            good = any(run.standing is Standing.VALIDATED for run in runs)
            words |= set() if good else {"last-runs-failed"}
        if self._shrank([(b.make, b.stored_bytes, b.created_at) for b in self.good]):
            words.add("size-shrank")
        counted = [(b.type, b.rows, b.created_at) for b in self.good if b.rows is not None]
        if self._shrank(counted):
            words.add("rows-shrank")
        limit = self.situation.now + timedelta(minutes=15)
        if any(one.created_at > limit for one in self.backups):
            words.add("clock")
        return words | ({"mass-removal"} if self._is_mass() else set())

    def _shrank(self, sizes: list[tuple[str, int, datetime]]) -> bool:
        threshold, accepted = self.policy.shrink_threshold, self.situation.accepted_at
        if threshold is None:
            return False
        for make in {make for make, _, _ in sizes}:
            mine = [(size, at) for name, size, at in sizes if name == make]
            before = [size for size, at in mine if accepted is not None and at <= accepted]
            since = [size for size, at in mine if accepted is None or at > accepted]
            measured = since + before[:1]
            if measured[0] < max(measured) * (1 - threshold):
                return True
        return False

    def _is_mass(self) -> bool:
        applied, accepted = self.situation.applied_at, self.situation.accepted_at
        if applied is None or (accepted is not None and accepted > applied):
            return False
        gone = [one for one in self.good if one.id in self._outdated]
        new = [one for one in self.good if one.created_at > applied]
        return len(gone) >= 5 and len(gone) > len(self.good) / 2 and len(gone) > 2 * len(new)


def _age_days(one: BackupFacts, newest: BackupFacts) -> float:
    return (newest.created_at - one.created_at) / timedelta(days=1)


_LABELS: dict[str, Callable[[datetime], str]] = {
    "hourly": lambda local: local.strftime("%Y-%m-%d %H %z"),
    "daily": lambda local: local.strftime("%Y-%m-%d"),
    "weekly": lambda local: local.strftime("%G-%V"),
    "monthly": lambda local: local.strftime("%Y-%m"),
    "yearly": lambda local: local.strftime("%Y"),
}
