"""The commands of `holdfast backups` about what a backup holds: link, download, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chalicelib.adapters.system import SystemClock
from chalicelib.cli.fields import given, id_argument
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_record
from chalicelib.cli.pending_file import PendingFile, refuse_existing, refuse_special
from chalicelib.cli.progress_view import ProgressView, view_for
from chalicelib.cli.service import Service, open_service
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest, NotFound
from chalicelib.domain.progress import Progress


@click.command(
    epilog=examples(
        "holdfast backups link 01JD0000000000000000000000 --hours 48",
        "holdfast backups link $B --artefact manifest.json --uses 3",
    )
)
@id_argument("backup_id")
@click.option("--artefact", help="Which artefact. Without it: the dump itself.")
@click.option(
    "--hours",
    type=click.IntRange(1, 720),
    default=24,
    show_default=True,
    help="How long the link lives.",
)
@click.option(
    "--uses",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How often it can be used; each use opens a day in which a broken download can resume.",
)
@data_option
@json_option
@pass_invocation
def link(
    invocation: Invocation,
    *,
    backup_id: str,
    artefact: str | None,
    hours: int,
    uses: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make an expiring link that downloads a backup without a key.

    The link is shown this once. A link of this machine works while `holdfast up` runs here.
    """
    body = given(artefact=artefact, lifetime_s=hours * 3600, max_uses=uses)
    with open_service(invocation, data) as service:
        made = service.request("POST", f"/v1/backups/{backup_id}/links", body=body)
    print_record(made, as_json=as_json)


@click.command(
    epilog=examples(
        "holdfast backups download 01JD0000000000000000000000",
        "holdfast backups download $B -o shop.dump",
    )
)
@id_argument("backup_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to make. Without it: the backup's id and the artefact's name, in this folder.",
)
@click.option("--artefact", help="Which artefact. Without it: the dump itself.")
@click.option("--force", is_flag=True, help="Replace an existing file, in one step, at the end.")
@data_option
@json_option
@pass_invocation
def download(
    invocation: Invocation,
    *,
    backup_id: str,
    output: Path | None,
    artefact: str | None,
    force: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Download a backup, and compare it with its recorded SHA-256 before it appears."""
    with open_service(invocation, data) as service:
        backup = service.request("GET", f"/v1/backups/{backup_id}")
        wanted = _artefact(backup, artefact)
        target = output or Path(f"{backup_id}-{wanted['name']}")
        refuse_special(target)
        if not force:
            refuse_existing(target)
        with PendingFile(target) as pending, view_for(as_json=as_json) as view:
            _fetch(service, backup_id, wanted, pending, view)
            pending.place(replace=force)
    done = {"path": str(target), "bytes": pending.size_bytes, "sha256": pending.sha256}
    print_record(done, as_json=as_json)


@click.command(epilog=examples("holdfast backups delete 01JD0000000000000000000000 --yes"))
@id_argument("backup_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
@pass_invocation
def delete(
    invocation: Invocation, *, backup_id: str, yes: bool, data: Path | None, as_json: bool
) -> None:
    """Delete a finished backup with everything it holds; a locked one is refused."""
    if not yes and not click.confirm(f"Delete backup {backup_id} for good?", err=True):
        raise InvalidRequest("the deletion was not confirmed", hint="Answer y, or give --yes.")
    with open_service(invocation, data) as service:
        service.request("DELETE", f"/v1/backups/{backup_id}")
    print_record({"id": backup_id, "deleted": True}, as_json=as_json)


def _artefact(backup: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    for artefact in backup["artefacts"]:
        found: dict[str, Any] = artefact
        if wanted == found["name"] or (wanted is None and found["name"].startswith("database.")):
            return found
    raise NotFound(
        f"backup {backup['id']} is {backup['status']} and has no such artefact",
        hint="`holdfast backups show` lists what it has.",
    )


def _fetch(
    service: Service,
    backup_id: str,
    artefact: dict[str, Any],
    pending: PendingFile,
    view: ProgressView,
) -> None:
    body = {"artefact": artefact["name"], "lifetime_s": 3600}
    made = service.request("POST", f"/v1/backups/{backup_id}/links", body=body)
    clock, total = SystemClock(), artefact["stored_bytes"]
    with service.stream(made["url"]) as response:
        # raw: a Content-Encoding would be somebody's in between, and the hash then tells
        for chunk in response.iter_raw():
            pending.write(chunk)
            done = pending.size_bytes
            view.show(
                Progress(
                    id=backup_id,
                    phase="download",
                    raw_bytes_done=done,
                    raw_bytes_total=total,
                    at=clock.now(),
                )
            )
    if (pending.size_bytes, pending.sha256) != (total, artefact["checksum"]["value"]):
        raise IntegrityFailed(
            f"what was downloaded of {artefact['name']} is not what the backup recorded",
            hint="Download it again; if it differs again, verify the backup.",
        )
