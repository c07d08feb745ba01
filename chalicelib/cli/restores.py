"""The commands `holdfast restores …`: list, show, cancel."""

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
from chalicelib.cli.run_commands import cancel_command, show_command
from chalicelib.cli.service import open_service
from chalicelib.domain.backup import Status

COLUMNS: Final = (
    "id",
    "status",
    "backup_id",
    "target_state",
    "duration_s",
    "created_at",
    "error.code",
)


@click.group()
def restores() -> None:
    """Watch and cancel restores; `holdfast restore` makes them."""


@restores.command("list", epilog=examples("holdfast restores list --status failed --json"))
@click.option("--project", help="Only of this project's backups.")
@click.option("--backup", help="Only of this backup.")
@click.option("--status", type=click.Choice([s.value for s in Status]), help="Only these.")
@limit_option
@cursor_option
@data_option
@json_option
@pass_invocation
def list_restores(
    invocation: Invocation, /, *, limit: int, data: Path | None, as_json: bool, **query: Any
) -> None:
    """List restores, newest first."""
    with open_service(invocation, data) as service:
        page = service.listed("/v1/restores", query, limit)
    print_list(page, COLUMNS, as_json=as_json)


restores.add_command(show_command("restore", "Show a restore, with its report or its progress."))
restores.add_command(
    cancel_command(
        "restore", "Cancel a restore: at once while nothing was touched, else within two seconds."
    )
)
