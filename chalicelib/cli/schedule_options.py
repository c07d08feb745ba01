"""The options that say how a schedule runs, for the commands that make and change one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from chalicelib.cli.backup_options import (
    component_option,
    compression_option,
    format_option,
    verification_option,
)
from chalicelib.cli.fields import tag_option
from chalicelib.domain.backup import BackupType
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import Overlap

Command = TypeVar("Command", bound=Callable[..., Any])

TAKING: Final = ("type", "format", "compression", "components", "verification")
"""Options of the backups, which the service replaces as a whole."""
SHORT_RULES: Final = {"last": "keep_last", "days": "keep_days"}


def _rules(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, int] | None:
    del context, parameter
    found: dict[str, int] = {}
    for word in words:
        rule, _, count = word.partition("=")
        name = SHORT_RULES.get(rule, rule)
        if name not in RetentionPolicy.model_fields or not count.isdecimal():
            raise click.BadParameter(f"{word!r} is not RULE=NUMBER, such as last=7 or monthly=12")
        found[name] = int(count)
    return found or None


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--timezone", help="A zone of the IANA database, such as Europe/Berlin."),
    click.option(
        "--jitter",
        "jitter_s",
        type=click.IntRange(0),
        help="Start each run up to so many seconds later, so that not all start at once.",
    ),
    click.option("--enable/--disable", "enabled", default=None, help="Whether it runs by itself."),
    click.option(
        "--overlap",
        type=click.Choice([o.value for o in Overlap]),
        help="What becomes of a run while the one before it still goes on.",
    ),
    click.option(
        "--keep",
        "retention",
        multiple=True,
        callback=_rules,
        help="RULE=NUMBER of retention: last, days, hourly, daily, weekly, monthly, yearly;"
        " repeatable, all rules at once.",
    ),
    click.option(
        "--type",
        "type",
        type=click.Choice([t.value for t in BackupType]),
        help="What to take: everything, definitions only, or rows only.",
    ),
    format_option,
    compression_option,
    component_option,
    verification_option,
    tag_option,
)


def schedule_options(command: Command) -> Command:
    """Give a command all options of schedules."""
    # the one that is laid on last stands first in the help
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def schedule_fields(options: dict[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request; what backups take is laid over what the schedule has."""
    renamed = {("format" if name == "file_format" else name): options[name] for name in options}
    taking = {name: renamed.pop(name) for name in TAKING}
    said = {name: value for name, value in taking.items() if value is not None}
    return {**renamed, "options": {**shown.get("options", {}), **said} if said else None}
