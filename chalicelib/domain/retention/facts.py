"""What retention knows of a backup, and the words of its decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    """Say what a backup is worth to retention; only `validated` ones count for a rule."""

    RUNNING = "running"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNVALIDATED = "unvalidated"
    VALIDATED = "validated"


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """Hold the little of a backup that decides whether it stays.

    `make` names what sizes can be compared: type, format and compression; `type` alone goes with
    rows.
    """

    id: str
    created_at: datetime
    standing: Standing
    type: str = "full"
    make: str = "full"
    stored_bytes: int = 0
    rows: int | None = None
    locked: bool = False
    hold_until: datetime | None = None
    parent_id: str | None = None


class Reason(StrEnum):
    """Say why a backup stays or goes; the words are stable."""

    # protections: nothing goes over them, the budget included
    RUNNING = "running"
    NEWEST_VERIFIED = "newest-verified"
    MIN_KEEP = "min-keep"
    LOCKED = "locked"
    HELD = "held-pre-migration"
    PARENT = "parent-of-running"
    IN_USE = "in-use"
    RECENT_RUN = "recent-run"
    UNVALIDATED_GRACE = "unvalidated-grace"
    FAILED_GRACE = "failed-grace"
    # rules: what the policy keeps, as long as the budget lasts
    LAST = "last-n"
    DAYS = "within-days"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    NO_RULE = "no-rule"
    # why one goes
    OUTDATED = "no-rule-keeps-it"
    BUDGET = "over-budget"
    UNVALIDATED = "unvalidated"
    FAILED = "failed-long-ago"
    # it would go, were retention not frozen
    FROZEN = "frozen"


RULES: Final = frozenset(
    {
        Reason.LAST,
        Reason.DAYS,
        Reason.HOURLY,
        Reason.DAILY,
        Reason.WEEKLY,
        Reason.MONTHLY,
        Reason.YEARLY,
        Reason.NO_RULE,
    }
)
"""What keeps a backup only as long as the budget lasts."""


class FreezeReason(StrEnum):
    """Say why nothing is removed at all; the words are stable."""

    FAILING = "last-runs-failed"
    SHRUNK_BYTES = "size-shrank"
    SHRUNK_ROWS = "rows-shrank"
    CLOCK = "clock"
    MASS = "mass-removal"


@dataclass(frozen=True)
class Freeze:
    """Say why nothing is removed, in a word for programs and a sentence for people."""

    reason: FreezeReason
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether one backup stays, with every reason for it."""

    facts: BackupFacts
    keep: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Situation:
    """Hold what a decision must not fetch by itself.

    `timezone` cuts the hours, days, weeks, months and years. `parents` are backups that one
    under way builds upon, `in_use` those that a restore or a job reads. `applied_at` is when
    removals were last carried out, `accepted_at` when a person last said that things are right.
    """

    now: datetime
    timezone: tzinfo = UTC
    parents: frozenset[str] = frozenset()
    in_use: frozenset[str] = frozenset()
    applied_at: datetime | None = None
    accepted_at: datetime | None = None
