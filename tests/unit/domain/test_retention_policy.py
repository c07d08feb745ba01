"""A retention policy says nothing that cannot be, and its defaults are safe."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chalicelib.domain.retention.policy import (
    MAX_BUDGET_BYTES,
    MAX_COUNT,
    MAX_DAYS,
    RetentionPolicy,
)

BAD_VALUES = (
    ("keep_last", 0),
    ("keep_last", -1),
    ("keep_last", MAX_COUNT + 1),
    ("keep_last", True),
    ("keep_last", "7"),
    ("keep_days", 0),
    ("keep_days", MAX_DAYS + 1),
    ("daily", 1.5),
    ("yearly", 0),
    ("size_budget_bytes", 0),
    ("size_budget_bytes", MAX_BUDGET_BYTES + 1),
    ("shrink_threshold", "0.5"),
    ("timezone", "\x00"),
    ("min_keep", 0),
    ("min_keep", None),
    ("keep_failed_days", None),
    ("shrink_threshold", 0),
    ("shrink_threshold", 1),
    ("shrink_threshold", float("nan")),
    ("freeze_after_failures", 0),
    ("keep_forever", 1),
    ("timezone", ""),
    ("timezone", "Europe/Atlantis"),
    ("timezone", "../../etc/passwd"),
    ("timezone", "/etc/localtime"),
    ("timezone", "Europe"),
)


@pytest.mark.parametrize(("field", "value"), BAD_VALUES)
def test_refuses_what_no_policy_can_say(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        RetentionPolicy.model_validate({field: value})


def test_keeps_something_and_freezes_where_nothing_is_said() -> None:
    policy = RetentionPolicy()

    assert policy.min_keep >= 1
    assert policy.freeze_after_failures is not None
    assert policy.shrink_threshold is not None


def test_has_no_rules_where_only_the_floor_is_said() -> None:
    assert not RetentionPolicy(min_keep=5, size_budget_bytes=1).has_rules


@pytest.mark.parametrize(
    "rule", ["keep_last", "keep_days", "hourly", "daily", "weekly", "monthly", "yearly"]
)
def test_has_rules_where_one_is_said(rule: str) -> None:
    assert RetentionPolicy.model_validate({rule: 1}).has_rules


def test_takes_a_whole_number_in_whatever_form_json_has_it() -> None:
    assert RetentionPolicy.model_validate_json('{"keep_last": 7.0}').keep_last == 7


def test_is_the_same_after_a_stay_in_the_catalog() -> None:
    policy = RetentionPolicy(keep_last=7, daily=14, size_budget_bytes=1 << 40, shrink_threshold=0.3)

    assert RetentionPolicy.model_validate_json(policy.model_dump_json()) == policy
