"""The command `holdfast stats`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from chalicelib.cli.fields import cursor_option, limit_option
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_list
from chalicelib.cli.service import open_service

COLUMNS: Final = (
    "project",
    "last_success_at",
    "last_stored_bytes",
    "last_duration_s",
    "total.backups_completed",
    "total.backups_failed",
    "total.success_rate",
    "total.proof_rate",
    "total.links_redeemed",
)


@click.command(epilog=examples("holdfast stats", "holdfast stats --days 7 --json"))
@click.option("--project", help="Only this project, with each of its days in --json.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="How many days to count, today included.",
)
@limit_option
@cursor_option
@data_option
@json_option
@pass_invocation
def stats(
    invocation: Invocation,
    /,
    *,
    project: str | None,
    days: int,
    limit: int,
    cursor: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Show how backups went, project by project."""
    query = {"project": project, "days": days, "cursor": cursor}
    with open_service(invocation, data) as service:
        page = service.listed("/v1/stats", query, limit)
    print_list(page, COLUMNS, as_json=as_json)
