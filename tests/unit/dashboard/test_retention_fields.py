from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dashboard.retention_fields import RULES, RetentionFields, written
from chalicelib.domain.retention.policy import RetentionPolicy

COUNTS = st.none() | st.integers(1, 10_000)


@given(
    rules=st.fixed_dictionaries(dict.fromkeys(RULES, COUNTS)),
    min_keep=st.integers(1, 10_000),
    budget=st.integers(1, 10**6),
)
def test_a_policy_is_shown_and_read_back_as_it_was(
    rules: dict[str, int | None], min_keep: int, budget: int
) -> None:
    policy = RetentionPolicy.model_validate(
        {**rules, "min_keep": min_keep, "size_budget_bytes": budget * 10**9}
    )

    read = RetentionFields.model_validate(written(policy)).policy(policy)

    assert read == policy


def test_without_any_rule_there_is_no_policy() -> None:
    assert RetentionFields(min_keep=5).policy(RetentionPolicy(keep_last=3)) is None
    assert written(None) == {}


def test_what_the_form_does_not_show_stays() -> None:
    base = RetentionPolicy(keep_last=3, keep_failed_days=90, timezone="Europe/Berlin")

    read = RetentionFields(daily=7).policy(base)

    assert read == RetentionPolicy(daily=7, keep_failed_days=90, timezone="Europe/Berlin")
