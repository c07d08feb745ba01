"""The options that say what is kept, for the commands that set a policy or try one out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from chalicelib.domain.retention.policy import MAX_BUDGET_BYTES, MAX_COUNT, MAX_DAYS

Command = TypeVar("Command", bound=Callable[..., Any])

_COUNTS: Final = (
    ("last", "Keep the newest so many."),
    ("hourly", "Keep the newest of each of so many hours."),
    ("daily", "Keep the newest of each of so many days."),
    ("weekly", "Keep the newest of each of so many weeks."),
    ("monthly", "Keep the newest of each of so many months."),
    ("yearly", "Keep the newest of each of so many years."),
)
_FIELDS: Final = {f"keep_{name}": name for name, _ in _COUNTS if name != "last"}
NAMES: Final = (
    "keep_last",
    "keep_days",
    *_FIELDS,
    "size_budget_bytes",
    "min_keep",
    "keep_timezone",
)


def retention_options(command: Command) -> Command:
    """Give a command all options of a policy."""
    counts = [(f"--keep-{name}", click.IntRange(1, MAX_COUNT), said) for name, said in _COUNTS]
    options: list[tuple[str, click.ParamType[Any], str]] = [
        *counts,
        ("--keep-days", click.IntRange(1, MAX_DAYS), "Keep what is at most so many days old."),
        ("--size-budget-bytes", click.IntRange(1, MAX_BUDGET_BYTES), "Remove the oldest above it."),
        ("--min-keep", click.IntRange(1, MAX_COUNT), "Never keep fewer validated ones."),
        ("--keep-timezone", click.STRING, "Where days begin, such as Europe/Berlin."),
    ]
    for name, kind, said in reversed(options):
        command = click.option(name, type=kind, help=said)(command)
    return command


no_retention_option: Callable[[Command], Command] = click.option(
    "--no-retention", is_flag=True, help="Forget the rules of retention that there are."
)


def retention_field(policy: dict[str, Any] | None, *, forgets: bool) -> dict[str, Any]:
    """Return the field of a request: the policy, null to take it away, or none at all."""
    if forgets and policy is not None:
        raise click.UsageError("--no-retention goes without rules of retention")
    return {} if policy is None and not forgets else {"retention": policy}


def policy_of(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the policy out of the options of a command; None when nothing was said."""
    said = {name: options.pop(name) for name in NAMES}
    renamed = {**_FIELDS, "keep_timezone": "timezone"}
    policy = {renamed.get(name, name): value for name, value in said.items() if value is not None}
    return policy or None
