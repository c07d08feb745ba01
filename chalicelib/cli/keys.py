"""The commands `holdfast keys …`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from chalicelib.cli.fields import given
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_record
from chalicelib.cli.record_commands import delete_command, list_command
from chalicelib.cli.service import open_service
from chalicelib.domain.access import Role

COLUMNS: Final = ("id", "name", "role", "created_at", "expires_at", "revoked_at")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


keys.add_command(
    list_command(
        "key", "List keys, newest first, revoked ones included; never their tokens.", COLUMNS, ""
    )
)
keys.add_command(delete_command("key", "End a key at once.", verb="revoke"))


@keys.command(epilog=examples("holdfast keys create ci --role operator --days 90"))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="viewer reads, operator also makes backups and links, admin does everything.",
)
@click.option("--project", "projects", multiple=True, help="Reach only this project; repeatable.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until the key ends by itself.")
@data_option
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    *,
    name: str,
    role: str,
    projects: tuple[str, ...],
    days: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make a key and print its token, this once."""
    ends = (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None
    body = given(name=name, role=role, projects=list(projects) or None, expires_at=ends)
    with open_service(invocation, data) as service:
        print_record(service.request("POST", "/v1/keys", body=body), as_json=as_json)
