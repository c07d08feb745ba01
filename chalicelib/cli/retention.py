"""The commands `holdfast retention …`: preview, accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.fields import cursor_option, given, limit_option
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_list, print_record, text_of
from chalicelib.cli.retention_options import policy_of, retention_options
from chalicelib.cli.service import open_service

COLUMNS: Final = ("backup_id", "created_at", "standing", "keep", "reasons")
MOST: Final = 200
"""The longest page that the service gives."""


@click.group()
def retention() -> None:
    """Show what retention would remove, and say when backups are right."""


@retention.command(
    epilog=examples(
        "holdfast retention preview --project 01JD0000000000000000000000",
        "holdfast retention preview --project 01JD0000000000000000000000 --keep-last 7 --json",
    )
)
@click.option("--project", help="The project whose backups are meant.")
@click.option("--schedule", help="Only the backups of this schedule.")
@retention_options
@limit_option
@cursor_option
@data_option
@json_option
@pass_invocation
def preview(
    invocation: Invocation,
    /,
    *,
    project: str | None,
    schedule: str | None,
    limit: int,
    cursor: str | None,
    data: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what retention would keep and remove now, and why.

    Options of a policy try that one out; without any, the stored one holds. Nothing is changed.
    """
    body = given(project_id=project, schedule_id=schedule, policy=policy_of(options))
    query = {"limit": min(limit, MOST), "cursor": cursor}
    with open_service(invocation, data) as service:
        plan = service.request("POST", "/v1/retention/preview", body=body, query=query)
    if as_json:
        print_record(plan, as_json=True)
        return
    items = [{**item, "reasons": ", ".join(item["reasons"])} for item in plan["items"]]
    print_list({**plan, "items": items}, COLUMNS, as_json=False)
    click.echo(f"{plan['kept']} kept, {plan['removed']} removed ({plan['removed_bytes']} bytes)")
    for freeze in plan["frozen"]:
        click.echo(f"frozen, so that all stay: {text_of(freeze['message'])}")


@retention.command(
    epilog=examples("holdfast retention accept --project 01JD0000000000000000000000")
)
@click.option("--project", help="The project whose backups are meant.")
@click.option("--schedule", help="Only the backups of this schedule.")
@data_option
@json_option
@pass_invocation
def accept(
    invocation: Invocation,
    *,
    project: str | None,
    schedule: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Say that the backups are right as they are, so that a frozen retention goes on."""
    body = given(project_id=project, schedule_id=schedule)
    with open_service(invocation, data) as service:
        print_record(service.request("POST", "/v1/retention/accept", body=body), as_json=as_json)
