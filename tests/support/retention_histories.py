"""Histories of backups for retention: plain data drawn from a seed, a thousand in a second."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from chalicelib.domain.retention.facts import BackupFacts, Situation, Standing
from chalicelib.domain.retention.policy import RetentionPolicy

START: Final = datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
ZONES: Final = tuple(
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")
)
INTERVALS_H: Final = (0.2, 1, 1, 5, 24, 24, 24 * 7, 24 * 31)
TIERS: Final = ("hourly", "daily", "weekly", "monthly", "yearly")
_STANDINGS: Final = tuple(Standing)
_HEALTHY: Final = (1, 2, 1, 2, 60)
_FAILING: Final = (1, 30, 5, 5, 1)
"""How often each standing is drawn, in the order of `Standing`."""


@dataclass(frozen=True)
class History:
    """One question for the planner; `backups` come newest first."""

    policy: RetentionPolicy
    situation: Situation
    backups: tuple[BackupFacts, ...]


def facts(number: int = 1, **changes: Any) -> BackupFacts:
    """Return the facts of a validated backup of that day; higher numbers are newer."""
    usual = BackupFacts(
        id=f"{number:06}",
        created_at=START + timedelta(days=number),
        standing=Standing.VALIDATED,
        stored_bytes=1000,
        rows=100,
    )
    return replace(usual, **changes)


def days(count: int, **changes: Any) -> tuple[BackupFacts, ...]:
    """Return one backup for each day, newest first."""
    return tuple(facts(number, **changes) for number in range(count, 0, -1))


def history_of(seed: int, longest: int = 40) -> History:
    """Return the history of a seed."""
    random = Random(f"retention {seed}")
    backups = _backups(random, random.randint(0, longest))
    policy = policy_of(random)
    return History(policy, _situation(random, backups), backups)


def policy_of(random: Random) -> RetentionPolicy:
    """Draw a policy; most rules are left out, and counts are small enough to bite."""
    said: dict[str, Any] = {}
    for name in ("keep_last", *TIERS):
        if random.random() < 0.3:
            said[name] = random.randint(1, 8)
    if random.random() < 0.3:
        said["keep_days"] = random.choice((1, 7, 30, 400))
    if random.random() < 0.3:
        said["size_budget_bytes"] = random.randint(1, 40_000)
    if random.random() < 0.7:
        said["min_keep"] = random.randint(1, 4)
    said["freeze_after_failures"] = random.choice((None, 1, 3, 5))
    said["shrink_threshold"] = random.choice((None, 0.2, 0.5, 0.9))
    said["keep_failed_days"] = random.choice((1, 30))
    said["unvalidated_grace_days"] = random.choice((1, 7))
    return RetentionPolicy.model_validate(said)


def _backups(random: Random, count: int) -> tuple[BackupFacts, ...]:
    at, interval_h = START, random.choice(INTERVALS_H)
    weights, size = _HEALTHY, 1000.0
    made: list[BackupFacts] = []
    for number in range(count):
        if random.random() < 0.08:
            weights = random.choice((_HEALTHY, _FAILING))
        if random.random() < 0.03:
            at += timedelta(days=random.choice((3, 40, 400)))
        size *= random.choice((0.1, 0.5, 3.0)) if random.random() < 0.03 else 1.01
        at += timedelta(hours=interval_h * random.uniform(0.5, 1.5))
        parent_id = random.choice(made).id if made and random.random() < 0.2 else None
        made.append(_backup(random, parent_id, facts(number, created_at=at), weights, int(size)))
    return tuple(reversed(made))


def _backup(
    random: Random, parent_id: str | None, plain: BackupFacts, weights: tuple[int, ...], size: int
) -> BackupFacts:
    standing = random.choices(_STANDINGS, weights)[0]
    kind = random.choice(("full", "full", "full", "schema"))
    stored = standing in {Standing.VALIDATED, Standing.UNVALIDATED}
    return replace(
        plain,
        standing=standing,
        type=kind,
        make=f"{kind} {random.choice(('gzip', 'zstd'))}",
        stored_bytes=size if stored else 0,
        rows=size // 2 if stored and random.random() < 0.8 else None,
        locked=random.random() < 0.05,
        parent_id=parent_id,
        hold_until=plain.created_at + timedelta(days=3) if random.random() < 0.05 else None,
    )


def _situation(random: Random, backups: tuple[BackupFacts, ...]) -> Situation:
    last = backups[0].created_at if backups else START
    moments = [one.created_at for one in backups] or [START]
    later = random.choice((timedelta(minutes=5), timedelta(days=3), timedelta(days=900)))
    return Situation(
        now=last - timedelta(days=2) if random.random() < 0.05 else last + later,
        timezone=random.choice(ZONES),
        parents=frozenset(one.id for one in backups if random.random() < 0.02),
        in_use=frozenset(one.id for one in backups if random.random() < 0.02),
        applied_at=random.choice(moments) if random.random() < 0.5 else None,
        accepted_at=random.choice(moments) if random.random() < 0.3 else None,
    )
