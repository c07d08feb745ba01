"""The commands `holdfast projects …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.assertions import as_fields, assertion_option
from chalicelib.cli.exit_codes import REFUSED
from chalicelib.cli.fields import given, id_argument, job_result, tag_option
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_record
from chalicelib.cli.record_commands import delete_command, list_command, show_command
from chalicelib.cli.retention_options import (
    no_retention_option,
    policy_of,
    retention_field,
    retention_options,
)
from chalicelib.cli.service import open_service
from chalicelib.cli.supabase_options import (
    platform_fields,
    platform_options,
    role_sql_option,
    source_fields,
)
from chalicelib.domain.backup import BackupType
from chalicelib.domain.project import ProjectKind
from chalicelib.domain.proof import Assertion

COLUMNS: Final = ("id", "name", "host", "port", "database", "user", "created_at")


@click.group()
def projects() -> None:
    """Say which databases are backed up.

    Works on the service at HOLDFAST_URL with HOLDFAST_API_KEY; without them on the data folder of
    this machine.
    """


projects.add_command(list_command("project", "List projects, newest first.", COLUMNS, "--json"))
projects.add_command(show_command("project", "Show a project, without its password."))
projects.add_command(delete_command("project", "Delete a project that has no backups."))


@projects.command(
    epilog=examples(
        "holdfast projects create env:DATABASE_URL --name shop --tag team=web",
        "holdfast projects create env:DATABASE_URL --all-databases",
        "holdfast projects create env:DATABASE_URL --assertion balanced=balanced.sql",
        "holdfast projects create abcdefghijklmnopqrst --kind supabase"
        " --access-token env:SUPABASE_ACCESS_TOKEN --password env:DATABASE_PASSWORD",
    )
)
@click.argument("source")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ProjectKind]),
    default=ProjectKind.POSTGRESQL.value,
    show_default=True,
    help="What stands behind it.",
)
@click.option("--name", help="What people call it. Without it: database@host.")
@click.option(
    "--all-databases", is_flag=True, help="Make a project for every other database there, too."
)
@tag_option
@assertion_option
@platform_options
@role_sql_option
@data_option
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    /,
    *,
    source: str,
    kind: str,
    name: str | None,
    all_databases: bool,
    tags: dict[str, str] | None,
    assertions: tuple[Assertion, ...] | None,
    data: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Create a project for a database, or for a Supabase project.

    SOURCE is a postgresql:// URL, or env:NAME for an environment variable that holds one. Of a
    Supabase project it is the reference, a page of its dashboard, or any of its connection URLs.
    """
    where, role_sql = source_fields(ProjectKind(kind), invocation.source_url(source), options)
    body = where | given(
        name=name,
        tags=tags,
        assertions=as_fields(assertions),
        all_databases=all_databases or None,
        **platform_fields(invocation, options),
    )
    with open_service(invocation, data) as service:
        project = service.request("POST", "/v1/projects", body=body)
        if project["discover_job_id"]:
            found = job_result(service, {"id": project["discover_job_id"]})
            project = {**project, **found}
    print_record(project | given(role_sql=role_sql if as_json else None), as_json=as_json)
    if role_sql is not None and not as_json:
        click.echo(role_sql)


@projects.command(
    epilog=examples(
        "holdfast projects update 01JD0000000000000000000000 --source env:DATABASE_URL",
        "holdfast projects update 01JD0000000000000000000000 --keep-last 7 --keep-monthly 12",
        "holdfast projects update 01JD0000000000000000000000 --password env:DATABASE_PASSWORD",
    )
)
@id_argument("project_id")
@click.option("--name", help="What people call it from now on.")
@click.option("--source", help="Where the database is now: a URL or env:NAME, as for create.")
@tag_option
@retention_options
@no_retention_option
@assertion_option
@click.option("--no-assertions", is_flag=True, help="Forget the assertions that there are.")
@platform_options
@data_option
@json_option
@pass_invocation
def update(
    invocation: Invocation,
    /,
    *,
    project_id: str,
    name: str | None,
    source: str | None,
    tags: dict[str, str] | None,
    assertions: tuple[Assertion, ...] | None,
    no_assertions: bool,
    no_retention: bool,
    data: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Change a project; what is not named stays as it is, assertions are replaced as a whole.

    Rules of retention make the whole policy: those not named with them are not in it.
    """
    if no_assertions and assertions:
        raise click.UsageError("--assertion and --no-assertions exclude each other")
    url = invocation.source_url(source) if source else None
    stated = as_fields(() if no_assertions else assertions)
    kept = retention_field(policy_of(options), forgets=no_retention)
    with open_service(invocation, data) as service:
        platform = platform_fields(invocation, options)
        body = kept | given(name=name, url=url, tags=tags, assertions=stated, **platform)
        changed = service.request("PATCH", f"/v1/projects/{project_id}", body=body)
    print_record(changed, as_json=as_json)


@projects.command(epilog=examples("holdfast projects test 01JD0000000000000000000000"))
@id_argument("project_id")
@data_option
@json_option
@pass_invocation
def test(invocation: Invocation, *, project_id: str, data: Path | None, as_json: bool) -> int:
    """Reach the database and say what a backup would meet.

    Exit code 3 when something would make a backup fail.
    """
    with open_service(invocation, data) as service:
        report = job_result(
            service, service.request("POST", f"/v1/projects/{project_id}/test", body={})
        )
    print_record(report, as_json=as_json)
    return REFUSED if report["problems"] else 0


@projects.command(epilog=examples("holdfast projects estimate 01JD0000000000000000000000 --json"))
@id_argument("project_id")
@click.option(
    "--type",
    "kind",
    type=click.Choice([t.value for t in BackupType]),
    default=BackupType.FULL.value,
    show_default=True,
    help="What the backup would take.",
)
@data_option
@json_option
@pass_invocation
def estimate(
    invocation: Invocation, *, project_id: str, kind: str, data: Path | None, as_json: bool
) -> None:
    """Say how large a backup would be, from the catalogue, without reading rows."""
    with open_service(invocation, data) as service:
        path = f"/v1/projects/{project_id}/estimate"
        result: dict[str, Any] = job_result(
            service, service.request("POST", path, body={"type": kind})
        )
    print_record(result, as_json=as_json)
