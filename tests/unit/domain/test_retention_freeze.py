"""When retention removes nothing, and the incidents of the field that it would have stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.retention.facts import BackupFacts, Reason, Situation, Standing
from chalicelib.domain.retention.plan import plan
from chalicelib.domain.retention.policy import RetentionPolicy
from tests.support.retention_histories import START, days, facts

POLICY = RetentionPolicy(keep_days=7, min_keep=1)


def situation(day: float, **changes: Any) -> Situation:
    """Return the situation of that day, before any run of retention."""
    return replace(Situation(now=START + timedelta(days=day)), **changes)


def freezes(
    backups: tuple[BackupFacts, ...], said: RetentionPolicy = POLICY, **changes: Any
) -> list[str]:
    found = plan(said, situation(400, **changes), backups)
    return [freeze.reason.value for freeze in found.survey.frozen]


def removed(said: RetentionPolicy, now: Situation, backups: tuple[BackupFacts, ...]) -> list[int]:
    return [int(v.facts.id) for v in plan(said, now, backups).verdicts if not v.keep]


def failed(*numbers: int) -> tuple[BackupFacts, ...]:
    return tuple(facts(number, standing=Standing.FAILED, stored_bytes=0) for number in numbers)


def test_what_would_go_says_so_while_frozen() -> None:
    found = plan(POLICY, situation(40), (*failed(33, 32, 31), *days(30)))

    assert found.verdicts[-1].keep
    assert found.verdicts[-1].reasons == (Reason.FROZEN, Reason.OUTDATED)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (failed(33, 32, 31), ["last-runs-failed"]),
        (failed(32, 31), []),
        ((facts(33, standing=Standing.UNVALIDATED), *failed(32, 31)), ["last-runs-failed"]),
        ((*failed(34, 33), facts(32, standing=Standing.CANCELLED), *failed(31)), 1),
        ((*failed(33, 32), facts(31), *failed(31)), []),
        ((facts(34, standing=Standing.RUNNING), *failed(33, 32, 31)), 1),
    ],
)
def test_the_last_runs_freeze_it_when_all_of_them_failed(
    newest: tuple[BackupFacts, ...], expected: list[str] | int
) -> None:
    words = ["last-runs-failed"] if expected == 1 else expected

    assert freezes((*newest, *days(30))) == words


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"stored_bytes": 499}, "size-shrank"),
        ({"rows": 49}, "rows-shrank"),
        ({"rows": 0}, "rows-shrank"),
    ],
)
def test_a_backup_that_shrank_freezes_it(changes: dict[str, int], word: str) -> None:
    assert freezes((facts(31, **changes), *days(30))) == [word]


@pytest.mark.parametrize(
    "changes",
    [
        {"stored_bytes": 500, "rows": 50},
        {"stored_bytes": 1, "make": "full zstd"},
        {"stored_bytes": 1, "rows": 1, "make": "schema", "type": "schema"},
        {"rows": None},
    ],
)
def test_smaller_within_reason_or_of_another_make_does_not(changes: dict[str, Any]) -> None:
    assert freezes((facts(31, **changes), *days(30))) == []


def test_it_stays_frozen_while_backups_stay_small() -> None:
    small = tuple(facts(number, stored_bytes=10) for number in range(90, 30, -1))

    assert freezes((*small, *days(30))) == ["size-shrank"]


def test_a_person_accepts_the_new_size_and_a_further_loss_freezes_again() -> None:
    smaller, tiny = facts(31, rows=40), facts(32, rows=10)
    accepted_at = smaller.created_at + timedelta(hours=1)

    assert freezes((smaller, *days(30)), accepted_at=accepted_at) == []
    assert freezes((tiny, smaller, *days(30)), accepted_at=accepted_at) == ["rows-shrank"]


def test_nothing_accepts_failing_runs() -> None:
    accepted_at = START + timedelta(days=50)

    assert freezes((*failed(33, 32, 31), *days(30)), accepted_at=accepted_at) != []


def test_a_sudden_mass_freezes_it_until_accepted() -> None:
    applied_at = START + timedelta(days=30)
    backups = (facts(300), *days(30))

    assert freezes(backups, applied_at=applied_at) == ["mass-removal"]
    later = applied_at + timedelta(days=301)
    assert freezes(backups, applied_at=applied_at, accepted_at=later) == []


def test_the_first_run_of_a_policy_may_take_many() -> None:
    assert len(removed(RetentionPolicy(keep_last=3), situation(40), days(30))) == 27


def test_what_new_backups_push_out_is_no_mass() -> None:
    applied_at = START + timedelta(days=13)

    assert freezes(days(30), RetentionPolicy(keep_last=4), applied_at=applied_at) == []


# -- replays of incidents; the ids are those of the sheet of facts ---------------------------------


def test_i2_an_empty_dump_that_calls_itself_a_backup_removes_nothing() -> None:
    empty = facts(31, standing=Standing.UNVALIDATED, stored_bytes=0, rows=None)

    assert (
        removed(RetentionPolicy(keep_last=1, min_keep=1), situation(31), (empty, facts(30))) == []
    )


def test_i5_dumps_that_were_cut_short_for_months_leave_the_whole_ones() -> None:
    whole = days(30)
    cut = tuple(facts(number, stored_bytes=300) for number in range(120, 30, -1))

    assert removed(POLICY, situation(121), (*cut, *whole)) == []


def test_i8_a_small_wrong_dump_does_not_replace_the_last_good_one() -> None:
    wrong = facts(31, stored_bytes=20, rows=0)

    assert (
        removed(RetentionPolicy(keep_last=1, min_keep=1), situation(31), (wrong, facts(30))) == []
    )


@pytest.mark.parametrize("failures", range(1, 30, 4))
def test_i9_while_runs_fail_the_good_ones_do_not_age_out(failures: int) -> None:
    failing = failed(*range(20 + failures, 20, -1))

    assert removed(POLICY, situation(20 + failures), (*failing, *days(8))) == []


def test_i9_where_backups_simply_stop_the_good_ones_do_not_age_out() -> None:
    assert removed(POLICY, situation(3000), days(8)) == []


def test_i10_failed_ones_do_not_push_good_ones_out() -> None:
    backups = (facts(20), *failed(19, 18), facts(17), *failed(16, 15, 14), facts(13))

    assert removed(RetentionPolicy(keep_last=3), situation(20), backups) == []


def test_i11_incrementals_that_count_never_leave_nothing_to_restore() -> None:
    backups = tuple(facts(n, type="incremental", make="incremental") for n in range(9, 1, -1))

    gone = removed(RetentionPolicy(keep_last=1, min_keep=2), situation(9), (*backups, facts(1)))

    assert not {9, 8} & set(gone)


@pytest.mark.parametrize("leap_days", [1, 30, 365, 3650])
def test_f11_a_clock_that_leaps_ahead_removes_nothing(leap_days: int) -> None:
    now = situation(30 + leap_days, applied_at=START + timedelta(days=30))
    applied = days(30)[:8]

    assert removed(POLICY, now, applied) == []


def test_f11_a_backup_dated_by_a_clock_that_leapt_removes_no_mass() -> None:
    now = situation(395, applied_at=START + timedelta(days=30))
    policy = RetentionPolicy(keep_days=30)

    assert removed(policy, now, (facts(395), *days(30))) == []


def test_f11_backups_from_the_future_freeze_it() -> None:
    assert removed(POLICY, situation(20), days(30)) == []


@pytest.mark.parametrize("minutes", [-15, 15])
def test_f11_a_clock_that_is_a_little_wrong_changes_nothing(minutes: int) -> None:
    right, wrong = situation(30), situation(30 + minutes / 1440)

    assert removed(POLICY, right, days(30)) == removed(POLICY, wrong, days(30)) != []


@pytest.mark.parametrize("listed", range(1, 30, 3))
def test_f11_a_list_that_was_cut_short_never_costs_the_newest(listed: int) -> None:
    gone = removed(RetentionPolicy(keep_last=2, min_keep=2), situation(30), days(30)[:listed])

    assert not {30, 29} & set(gone)
