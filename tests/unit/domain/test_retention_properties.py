"""Retention over thousands of drawn histories, held against an oracle that shares no line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.retention.facts import BackupFacts, Standing
from chalicelib.domain.retention.plan import plan
from chalicelib.domain.retention.policy import RetentionPolicy
from tests.support.retention_histories import START, History, history_of
from tests.support.retention_oracle import violations

BLOCK = 500
SEEDS = st.integers(min_value=0, max_value=2**32)


def planned(history: History) -> tuple[str, ...]:
    return violations(history, plan(history.policy, history.situation, history.backups))


@pytest.mark.parametrize("first", range(0, 10 * BLOCK, BLOCK))
def test_five_hundred_histories_agree_with_the_oracle(first: int) -> None:
    found = [planned(history_of(seed)) for seed in range(first, first + BLOCK)]

    assert list(chain.from_iterable(found)) == []


@pytest.mark.parametrize("seed", [43_900, 92_500])
def test_backups_without_a_byte_are_no_way_around_the_budget(seed: int) -> None:
    assert planned(history_of(seed, 400)) == ()


@settings(max_examples=100)
@given(SEEDS, st.lists(st.sampled_from(Standing), max_size=60))
def test_any_order_of_good_and_bad_runs_agrees_with_the_oracle(
    seed: int, standings: list[Standing]
) -> None:
    drawn = history_of(seed)
    pairs = zip(drawn.backups, standings, strict=False)
    backups = tuple(replace(one, standing=standing) for one, standing in pairs)

    assert planned(replace(drawn, backups=backups)) == ()


@settings(max_examples=200)
@given(SEEDS)
def test_bad_runs_among_good_ones_change_nothing_for_the_good_ones(seed: int) -> None:
    drawn = history_of(seed)
    bad = {Standing.FAILED, Standing.CANCELLED}
    policy = drawn.policy.model_copy(update={"freeze_after_failures": None})
    situation = replace(drawn.situation, now=START + timedelta(days=36_500))
    good = tuple(one for one in drawn.backups if one.standing not in bad)

    with_bad = plan(policy, situation, drawn.backups).verdicts
    without = plan(policy, situation, good).verdicts

    gone = {verdict.facts.id for verdict in without if not verdict.keep}
    assert gone == {v.facts.id for v in with_bad if not v.keep and v.facts.standing not in bad}


@settings(max_examples=200)
@given(SEEDS)
def test_what_was_kept_is_kept_again(seed: int) -> None:
    drawn = history_of(seed)
    first = plan(drawn.policy, drawn.situation, drawn.backups).verdicts
    left = tuple(verdict.facts for verdict in first if verdict.keep)

    second = plan(drawn.policy, drawn.situation, left).verdicts

    lost = {v.facts.id for v in second if not v.keep and v.facts.standing is Standing.VALIDATED}
    assert lost == set()


def as_validated(standing: Standing) -> Callable[[BackupFacts], BackupFacts]:
    def change(one: BackupFacts) -> BackupFacts:
        return replace(one, standing=Standing.VALIDATED) if one.standing is standing else one

    return change


def without_rules_floor(history: History) -> RetentionPolicy:
    return history.policy.model_copy(update={"min_keep": 1})


PLANTED: dict[str, Callable[[BackupFacts], BackupFacts]] = {
    "failed ones count": as_validated(Standing.FAILED),
    "unvalidated ones count": as_validated(Standing.UNVALIDATED),
    "locks are not seen": lambda one: replace(one, locked=False),
    "holds are not seen": lambda one: replace(one, hold_until=None),
    "parents are not seen": lambda one: replace(one, parent_id=None),
    "sizes are not seen": lambda one: replace(one, stored_bytes=0),
    "rows are not seen": lambda one: replace(one, rows=None),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_oracle_finds_what_is_planted(name: str) -> None:
    found = 0
    for seed in range(300):
        history = history_of(seed)
        seen = tuple(PLANTED[name](one) for one in history.backups)
        wrong = plan(history.policy, history.situation, seen)
        pairs = zip(wrong.verdicts, history.backups, strict=True)
        verdicts = tuple(replace(verdict, facts=true) for verdict, true in pairs)
        found += bool(violations(history, replace(wrong, verdicts=verdicts)))

    assert found > 0


def test_the_oracle_finds_a_floor_that_is_too_low() -> None:
    histories = [history_of(seed) for seed in range(300)]

    plans = [plan(without_rules_floor(h), h.situation, h.backups) for h in histories]

    assert any(violations(h, p) for h, p in zip(histories, plans, strict=True))
