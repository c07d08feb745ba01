"""The commands `holdfast restores …`: list, show, cancel."""

from __future__ import annotations

from typing import Final

import click

from chalicelib.cli.record_commands import (
    cancel_command,
    choice_filter,
    list_command,
    show_command,
)
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


restores.add_command(
    list_command(
        "restore",
        "List restores, newest first.",
        COLUMNS,
        "--status failed --json",
        click.option("--project", help="Only of this project's backups."),
        click.option("--backup", help="Only of this backup."),
        choice_filter("--status", Status),
    )
)
restores.add_command(show_command("restore", "Show a restore, with its report or its progress."))
restores.add_command(
    cancel_command(
        "restore", "Cancel a restore: at once while nothing was touched, else within two seconds."
    )
)
