"""The commands `holdfast schedules …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.fields import given, id_argument
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_list, print_record
from chalicelib.cli.record_commands import delete_command, list_command, show_command
from chalicelib.cli.retention_options import no_retention_option, retention_field
from chalicelib.cli.schedule_options import schedule_fields, schedule_options
from chalicelib.cli.service import open_service

COLUMNS: Final = (
    "id",
    "name",
    "project_id",
    "cron",
    "timezone",
    "enabled",
    "next.expected_at",
    "last.state",
)


@click.group()
def schedules() -> None:
    """Let backups be made by themselves, at their time.

    CRON is five fields (minute, hour, day, month, weekday) or one of hourly, daily, weekly,
    monthly. A time that the clock leaves out in spring runs when the gap ends; one that comes
    twice in autumn runs once.
    """


schedules.add_command(
    list_command(
        "schedule",
        "List schedules, newest first.",
        COLUMNS,
        "--project $P --json",
        click.option("--project", help="Only this project's."),
    )
)
schedules.add_command(show_command("schedule", "Show a schedule with its next three runs."))
schedules.add_command(
    delete_command("schedule", "Delete a schedule; the backups that it made stay.")
)


@schedules.command(
    epilog=examples(
        "holdfast schedules create daily --project $P --timezone Europe/Berlin",
        "holdfast schedules create '30 2 * * 1-5' --project $P --jitter 600 --keep last=14",
        "holdfast schedules create hourly --project-tag env=prod --overlap skip",
    )
)
@click.argument("cron")
@click.option("--project", help="Id of the project to back up.")
@click.option(
    "--project-tag",
    help="NAME=VALUE: all projects that carry this tag when a run is due.",
)
@click.option("--name", help="What people call it. Without it: the cron expression.")
@schedule_options
@data_option
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    /,
    *,
    cron: str,
    name: str | None,
    project: str | None,
    project_tag: str | None,
    data: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Create a schedule."""
    if (project is None) == (project_tag is None):
        raise click.UsageError("name either --project or --project-tag")
    body = given(
        name=name or cron,
        cron=cron,
        project_id=project,
        project_tag=_tag(project_tag),
        **schedule_fields(fields, {}),
    )
    with open_service(invocation, data) as service:
        print_record(service.request("POST", "/v1/schedules", body=body), as_json=as_json)


@schedules.command(
    epilog=examples(
        "holdfast schedules update 01JD0000000000000000000000 --cron '0 4 * * *'",
        "holdfast schedules update 01JD0000000000000000000000 --disable",
    )
)
@id_argument("schedule_id")
@click.option("--name", help="What people call it from now on.")
@click.option("--cron", help="When it runs from now on.")
@schedule_options
@no_retention_option
@data_option
@json_option
@pass_invocation
def update(
    invocation: Invocation,
    /,
    *,
    schedule_id: str,
    name: str | None,
    cron: str | None,
    no_retention: bool,
    data: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Change a schedule; what is not named stays as it is.

    Without rules of its own, those of its project hold.
    """
    kept = retention_field(fields.pop("retention"), forgets=no_retention)
    path = f"/v1/schedules/{schedule_id}"
    with open_service(invocation, data) as service:
        shown = service.request("GET", path)
        body = kept | given(name=name, cron=cron, **schedule_fields(fields, shown))
        print_record(service.request("PATCH", path, body=body), as_json=as_json)


@schedules.command(epilog=examples("holdfast schedules run 01JD0000000000000000000000 --json"))
@id_argument("schedule_id")
@data_option
@json_option
@pass_invocation
def run(invocation: Invocation, *, schedule_id: str, data: Path | None, as_json: bool) -> None:
    """Ask now for what a run of the schedule makes; when it runs next stays as it is."""
    with open_service(invocation, data) as service:
        started = service.request("POST", f"/v1/schedules/{schedule_id}/run", body={})
    page = {"items": started["backups"], "next_cursor": None}
    print_list(page, ("id", "project_id", "name", "status"), as_json=as_json)


@schedules.command(
    epilog=examples("holdfast schedules preview '30 2 * * *' --timezone Europe/Berlin -n 10")
)
@click.argument("cron")
@click.option("--timezone", default="UTC", show_default=True, help="A zone of the IANA database.")
@click.option("-n", "count", type=click.IntRange(1, 50), default=5, show_default=True)
@data_option
@json_option
@pass_invocation
def preview(
    invocation: Invocation,
    *,
    cron: str,
    timezone: str,
    count: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Show when a cron expression would run next, in UTC."""
    query = {"cron": cron, "timezone": timezone, "n": count}
    with open_service(invocation, data) as service:
        shown = service.request("GET", "/v1/schedules/preview", query=query)
    print_record(shown, as_json=as_json)


def _tag(word: str | None) -> dict[str, str] | None:
    if word is None:
        return None
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise click.UsageError("--project-tag is NAME=VALUE")
    return {"name": name, "value": value}
