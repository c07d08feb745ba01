"""What retention keeps and removes, rule by rule, with its reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.retention.facts import BackupFacts, Reason, Situation, Standing
from chalicelib.domain.retention.judge import spans_of
from chalicelib.domain.retention.plan import plan
from chalicelib.domain.retention.policy import RetentionPolicy
from tests.support.retention_histories import START, days, facts

NOW = START + timedelta(days=400)
CALM = Situation(now=NOW)


def policy(**said: Any) -> RetentionPolicy:
    return RetentionPolicy.model_validate({"min_keep": 1, **said})


def kept(said: RetentionPolicy, backups: tuple[BackupFacts, ...], **changes: Any) -> list[int]:
    """Return the numbers of what stays, newest first."""
    planned = plan(said, replace(CALM, **changes), backups)
    assert planned.survey.frozen == ()
    return [int(verdict.facts.id) for verdict in planned.verdicts if verdict.keep]


def reasons(said: RetentionPolicy, backups: tuple[BackupFacts, ...]) -> list[set[Reason]]:
    return [set(verdict.reasons) for verdict in plan(said, CALM, backups).verdicts]


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ({"keep_last": 3}, [60, 59, 58]),
        ({"keep_days": 2}, [60, 59, 58]),
        ({"daily": 3}, [60, 59, 58]),
        # day 60 is Monday the 2nd of March, so weeks end on days 59, 52, 45; months on 58 and 30
        ({"weekly": 3}, [60, 59, 52]),
        ({"monthly": 3}, [60, 58, 30]),
        ({"yearly": 3}, [60]),
        ({"hourly": 2}, [60, 59]),
        ({"keep_last": 2, "monthly": 3}, [60, 59, 58, 30]),
        ({"keep_last": 1, "min_keep": 3}, [60, 59, 58]),
        ({"size_budget_bytes": 2500}, [60, 59]),
        ({"size_budget_bytes": 1}, [60]),
        ({"keep_last": 5, "size_budget_bytes": 3000}, [60, 59, 58]),
    ],
)
def test_a_rule_keeps_what_it_says(said: dict[str, int], stays: list[int]) -> None:
    assert kept(policy(**said), days(60)) == stays


def test_without_a_rule_nothing_validated_goes() -> None:
    assert len(kept(policy(), days(60))) == 60


def test_every_reason_to_keep_is_named() -> None:
    newest, second, third = reasons(policy(keep_last=2, daily=1), days(3))

    assert newest == {Reason.NEWEST_VERIFIED, Reason.MIN_KEEP, Reason.LAST, Reason.DAILY}
    assert second == {Reason.LAST}
    assert third == {Reason.OUTDATED}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"locked": True}, Reason.LOCKED),
        ({"hold_until": NOW + timedelta(days=1)}, Reason.HELD),
    ],
)
def test_what_is_protected_stays_over_rules_and_budget(
    changes: dict[str, Any], reason: Reason
) -> None:
    backups = (*days(9)[:-1], facts(1, **changes))

    found = reasons(policy(keep_last=1, size_budget_bytes=1), backups)

    assert found[-1] == {reason}


def test_the_hold_of_a_gate_ends_at_its_time() -> None:
    backups = (facts(9), facts(4, hold_until=NOW), facts(3, hold_until=NOW + timedelta(hours=1)))

    assert kept(policy(keep_last=1), backups) == [9, 3]


def test_the_parent_of_a_running_backup_stays() -> None:
    running = facts(10, standing=Standing.RUNNING, parent_id="000002")

    assert kept(policy(keep_last=1), (running, *days(3))) == [10, 3, 2]


@pytest.mark.parametrize("field", ["parents", "in_use"])
def test_what_others_work_with_stays(field: str) -> None:
    assert kept(policy(keep_last=1), days(3), **{field: frozenset({"000001"})}) == [3, 1]


@pytest.mark.parametrize(
    "standing", [Standing.FAILED, Standing.CANCELLED, Standing.UNVALIDATED, Standing.RUNNING]
)
def test_only_validated_backups_count(standing: Standing) -> None:
    backups = (facts(5, standing=standing), facts(4), facts(3, standing=standing), facts(2))

    assert kept(policy(keep_last=2, daily=2), backups) == [5, 4, 3, 2]


def test_failed_records_age_out_by_a_rule_of_their_own() -> None:
    old = (facts(2, standing=Standing.FAILED), facts(1, standing=Standing.CANCELLED))

    stays = kept(policy(keep_failed_days=8, freeze_after_failures=None), (facts(10), *old))

    assert stays == [10, 2]


def test_failed_records_stay_while_they_decide_about_a_freeze() -> None:
    old = facts(1, standing=Standing.FAILED)

    assert kept(policy(keep_failed_days=1, freeze_after_failures=3), (facts(9), old)) == [9, 1]


def test_an_unvalidated_backup_goes_once_newer_validated_ones_suffice() -> None:
    said = policy(min_keep=2, unvalidated_grace_days=3, freeze_after_failures=None)
    doubtful = facts(2, standing=Standing.UNVALIDATED)

    assert kept(said, (facts(9), doubtful)) == [9, 2]
    assert kept(said, (facts(9), facts(8), doubtful)) == [9, 8]
    assert kept(said, (facts(5), facts(4), doubtful)) == [5, 4, 2]


def test_the_budget_takes_the_oldest_and_lets_no_smaller_one_slip_through() -> None:
    sizes = (1000, 1000, 5000, 10)
    backups = tuple(facts(9 - n, stored_bytes=size) for n, size in enumerate(sizes))

    said = policy(size_budget_bytes=2500, shrink_threshold=None)

    assert kept(said, backups) == [9, 8]


def test_a_budget_below_what_is_protected_says_by_how_much() -> None:
    backups = tuple(replace(one, locked=True) for one in days(3))

    found = plan(policy(size_budget_bytes=1000), CALM, backups).survey

    assert found.allowance_bytes == -2000


def test_days_are_those_of_the_zone() -> None:
    # 23:30 and 00:30 in Berlin are one day in UTC
    evening = datetime(2026, 6, 1, 21, 30, tzinfo=UTC)
    backups = (
        facts(2, created_at=evening + timedelta(hours=1)),
        facts(1, created_at=evening),
    )

    assert kept(policy(daily=5), backups) == [2]
    assert kept(policy(daily=5), backups, timezone=ZoneInfo("Europe/Berlin")) == [2, 1]


def test_the_hour_that_autumn_repeats_is_two_hours() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")

    before, after = (spans_of(first + timedelta(hours=n), berlin) for n in (0, 1))

    assert before[Reason.HOURLY] != after[Reason.HOURLY]
    assert before[Reason.DAILY] == after[Reason.DAILY]
