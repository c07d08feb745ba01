"""Retention: which backups a project or a schedule keeps, as its people say it."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from chalicelib.domain.backup import Value
from chalicelib.domain.whole_number import WHOLE

MAX_COUNT = 10_000
MAX_DAYS = 36_500
MAX_BUDGET_BYTES = 1 << 60


Count = Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True), WHOLE]
Days = Annotated[int, Field(ge=1, le=MAX_DAYS, strict=True), WHOLE]
Fraction = Annotated[float, Field(gt=0, lt=1, strict=True)]
Budget = Annotated[int, Field(ge=1, le=MAX_BUDGET_BYTES, strict=True), WHOLE]


def _zone(name: str) -> str:
    # names that lead out of the database are a ValueError, names of its folders an OSError
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError("no such IANA time zone") from error
    return name


Zone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_zone)]


class RetentionPolicy(Value):
    """Say what is kept; a backup stays while any rule keeps it, None leaves a rule out.

    Only validated backups count for a rule. `hourly` to `yearly` keep the newest backup of so many
    hours, days and so on that have one. Days are counted back from the newest validated backup,
    not from the clock: where no new one comes, no old one goes. `min_keep` is a floor under every
    rule and the budget. A policy without any keep rule and without a budget removes no validated
    backup. Hours, days and so on are cut in `timezone`; None is that of the schedule, else UTC.
    """

    keep_last: Count | None = None
    keep_days: Days | None = None
    hourly: Count | None = None
    daily: Count | None = None
    weekly: Count | None = None
    monthly: Count | None = None
    yearly: Count | None = None
    size_budget_bytes: Budget | None = None
    timezone: Zone | None = None

    min_keep: Count = 3
    keep_failed_days: Days = 30
    unvalidated_grace_days: Days = 7

    shrink_threshold: Fraction | None = 0.5
    freeze_after_failures: Count | None = 3

    @property
    def has_rules(self) -> bool:
        """Whether anything but the floor says which validated backups stay."""
        rules = (
            self.keep_last,
            self.keep_days,
            self.hourly,
            self.daily,
            self.weekly,
            self.monthly,
            self.yearly,
        )
        return any(rule is not None for rule in rules)
