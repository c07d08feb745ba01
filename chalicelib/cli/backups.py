"""The commands `holdfast backups …`: make, list, show, and what happens while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.backup_files import delete, download, link
from chalicelib.cli.backup_options import (
    component_option,
    compression_option,
    format_option,
    hold_option,
    type_option,
    verification_option,
)
from chalicelib.cli.fields import (
    backup_ended,
    given,
    id_argument,
    job_result,
    tag_option,
)
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_record
from chalicelib.cli.progress_view import view_for
from chalicelib.cli.record_commands import (
    cancel_command,
    choice_filter,
    list_command,
    show_command,
)
from chalicelib.cli.run_lines import print_run
from chalicelib.cli.service import open_service
from chalicelib.domain.backup import Asked, BackupType, Status, Trigger

COLUMNS: Final = (
    "id",
    "status",
    "type",
    "name",
    "stored_bytes",
    "duration_s",
    "validated",
    "created_at",
    "error.code",
)


@click.group()
def backups() -> None:
    """Make, watch, verify, download and delete backups."""


for _command in (link, download, delete):
    backups.add_command(_command)


@backups.command(
    epilog=examples(
        "holdfast backups create --project 01JD0000000000000000000000 --wait",
        "holdfast backups create --project $P --trigger pre-migration --migration 0042 --wait",
    )
)
@click.option("--project", required=True, help="Id of the project to back up.")
@type_option
@format_option
@compression_option
@component_option
@verification_option
@click.option("--name", help="What people call it. Without it: project, type and time.")
@click.option("--description", help="What is to be remembered about it.")
@click.option(
    "--trigger",
    type=click.Choice([t.value for t in Trigger]),
    default=Trigger.MANUAL.value,
    show_default=True,
    help="What asks for it.",
)
@click.option("--migration", "migration_id", help="Which migration waits for it.")
@hold_option
@tag_option
@click.option("--wait", is_flag=True, help="Wait until it has ended; its failure is ours.")
@data_option
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    /,
    *,
    project: str,
    kind: str,
    wait: bool,
    data: Path | None,
    as_json: bool,
    file_format: str | None,
    **fields: Any,
) -> None:
    """Ask for a backup of a project.

    Without --wait it is made by `holdfast up`, now or when that next runs.
    """
    body = given(project_id=project, type=kind, format=file_format, **fields)
    with open_service(invocation, data) as service:
        backup = service.request("POST", "/v1/backups", body=body)
        if wait:
            backup = backup_ended(service, backup["id"], view_for(as_json=as_json))
    print_run(backup, as_json=as_json)


backups.add_command(
    list_command(
        "backup",
        "List backups, newest first.",
        COLUMNS,
        "--project $P --from 2026-01-01T00:00:00Z --json",
        click.option("--project", help="Only this project's."),
        choice_filter("--status", Status),
        choice_filter("--type", BackupType),
        choice_filter("--trigger", Trigger),
        click.option("--from", "from", help="Made at this time or later, as 2026-01-31T12:00:00Z."),
        click.option("--to", help="Made before this time."),
        click.option("--search", "q", help="Text in the name or the description."),
    )
)
backups.add_command(show_command("backup", "Show a backup, with its progress while it runs."))
backups.add_command(
    cancel_command(
        "backup", "Cancel a backup: a pending one at once, a running one within two seconds."
    )
)


@backups.command(
    epilog=examples(
        "holdfast backups verify 01JD0000000000000000000000",
        "holdfast backups verify 01JD0000000000000000000000 --level proof",
    )
)
@id_argument("backup_id")
@click.option(
    "--level",
    type=click.Choice([a.value for a in Asked]),
    default=Asked.ARCHIVE.value,
    show_default=True,
    help="archive reads every byte; proof also restores into a scratch server and compares.",
)
@data_option
@json_option
@pass_invocation
def verify(
    invocation: Invocation, *, backup_id: str, level: str, data: Path | None, as_json: bool
) -> None:
    """Read a completed backup again, from its first byte to its last.

    Exit code 3 when it is not what it was; the backup then counts as not validated.
    """
    with open_service(invocation, data) as service:
        job = service.request("POST", f"/v1/backups/{backup_id}/verify", body={"level": level})
        result = job_result(service, job)
    print_record(result, as_json=as_json)


@backups.command(
    epilog=examples(
        "holdfast backups update 01JD0000000000000000000000 --lock",
        "holdfast backups update $B --name 'before the move' --tag keep=yes",
    )
)
@id_argument("backup_id")
@click.option("--name", help="What people call it from now on.")
@click.option("--description", help="What is to be remembered about it.")
@click.option("--lock/--unlock", "locked", default=None, help="Whether it may be deleted.")
@hold_option
@tag_option
@data_option
@json_option
@pass_invocation
def update(
    invocation: Invocation, /, *, backup_id: str, data: Path | None, as_json: bool, **fields: Any
) -> None:
    """Change what people say of a backup, never what it holds."""
    with open_service(invocation, data) as service:
        changed = service.request("PATCH", f"/v1/backups/{backup_id}", body=given(**fields))
    print_run(changed, as_json=as_json)
