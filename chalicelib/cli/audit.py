"""The commands `holdfast audit …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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

COLUMNS: Final = ("at", "actor", "action", "subject_id", "project_id", "details", "before", "after")


@click.group()
def audit() -> None:
    """See who did what."""


@audit.command(
    "list",
    epilog=examples(
        "holdfast audit list --what backup.deleted",
        "holdfast audit list --project 01JD0000000000000000000000 --from 2026-01-01T00:00:00Z",
    ),
)
@click.option("--project", help="Only what concerns this project.")
@click.option("--subject", help="Only what was done to the record of this id.")
@click.option("--who", help="Only this actor, as events show it: key:ID, sweeper …")
@click.option("--what", help="Only this action, as backup.deleted, or all of one kind: backup.")
@click.option("--from", "since", help="Not before this time, as 2026-01-31T12:00:00Z.")
@click.option("--to", "until", help="Before this time.")
@limit_option
@cursor_option
@data_option
@json_option
@pass_invocation
def list_events(
    invocation: Invocation,
    /,
    *,
    limit: int,
    data: Path | None,
    as_json: bool,
    since: str | None,
    until: str | None,
    **chosen: Any,
) -> None:
    """List events, newest first."""
    with open_service(invocation, data) as service:
        page = service.listed("/v1/audit", {**chosen, "from": since, "to": until}, limit)
    print_list(page, COLUMNS, as_json=as_json)
