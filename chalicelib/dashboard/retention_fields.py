"""The rules of retention as a form holds them: numbers, each of which may be left empty."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.retention.policy import (
    MAX_BUDGET_BYTES,
    MAX_COUNT,
    MAX_DAYS,
    RetentionPolicy,
)

GIGABYTE: Final = 1_000_000_000
LABELS: Final = MappingProxyType(
    {
        "keep_last": "The newest",
        "keep_days": "All of the last days",
        "hourly": "One an hour, for hours",
        "daily": "One a day, for days",
        "weekly": "One a week, for weeks",
        "monthly": "One a month, for months",
        "yearly": "One a year, for years",
        "min_keep": "Never fewer than",
        "budget_gb": "At most, in GB",
    }
)
"""The fields in the order of the page. The last two bound the others, and are no rules."""
RULES: Final = tuple(name for name in LABELS if name not in {"min_keep", "budget_gb"})

FormCount = Annotated[int, Field(ge=1, le=MAX_COUNT)]
FormDays = Annotated[int, Field(ge=1, le=MAX_DAYS)]
FormBudget = Annotated[float, Field(gt=0, le=MAX_BUDGET_BYTES / GIGABYTE)]


class RetentionFields(BaseModel):
    """Hold what was typed of a policy."""

    model_config = ConfigDict(extra="forbid")

    keep_last: FormCount | None = None
    keep_days: FormDays | None = None
    hourly: FormCount | None = None
    daily: FormCount | None = None
    weekly: FormCount | None = None
    monthly: FormCount | None = None
    yearly: FormCount | None = None
    min_keep: FormCount | None = None
    budget_gb: FormBudget | None = None

    def policy(self, base: RetentionPolicy | None) -> RetentionPolicy | None:
        """Return the policy; None when no rule was given.

        What the form does not show, such as how long failed runs are kept, stays as in `base`.
        """
        rules = {name: getattr(self, name) for name in RULES}
        budget = None if self.budget_gb is None else round(self.budget_gb * GIGABYTE)
        if budget is None and all(count is None for count in rules.values()):
            return None
        kept = {} if base is None else base.model_dump()
        kept.pop("min_keep", None)
        floor = {} if self.min_keep is None else {"min_keep": self.min_keep}
        return RetentionPolicy.model_validate(
            {**kept, **rules, **floor, "size_budget_bytes": budget}
        )


def written(policy: RetentionPolicy | None) -> dict[str, str]:
    """Return what the fields show of a policy before anybody typed."""
    if policy is None:
        return {}
    shown = {name: getattr(policy, name) for name in (*RULES, "min_keep")}
    if policy.size_budget_bytes is not None:
        shown["budget_gb"] = f"{policy.size_budget_bytes / GIGABYTE:g}"
    return {name: str(value) for name, value in shown.items() if value is not None}


def given(fields: Mapping[str, str]) -> dict[str, str]:
    """Return those fields of a form or query that are of retention and say something."""
    return {name: fields[name] for name in LABELS if fields.get(name, "").strip()}
