"""The command `holdfast check`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.postgres import postgres_engine
from chalicelib.cli import sidecar
from chalicelib.cli.check_file import CheckOutcome, check_file
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    key_option,
    pass_invocation,
)
from chalicelib.cli.progress_view import ViewWatch, size, view_for


@click.command(
    epilog=examples(
        "holdfast check shop.dump", "holdfast check shop.dump --require-signature --json"
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@key_option
@click.option(
    "--require-signature",
    is_flag=True,
    help="Refuse files without a manifest, or with one that another key signed.",
)
@data_option
@json_option
@pass_invocation
def check(
    invocation: Invocation,
    *,
    file: Path,
    key: Path | None,
    require_signature: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Read a dump in full and compare it with its signed manifest.

    With FILE.manifest.json beside it: the signature, the size, the SHA-256, then a full read.
    Without it: the full read alone. Exit code 3 means that FILE is not what it should be.
    """
    settings = invocation.settings(data)
    with view_for(as_json=as_json) as view, tempfile.TemporaryDirectory() as scratch:
        watch = ViewWatch(invocation.interruption, view)
        engine = postgres_engine(settings, Path(scratch), SystemClock())
        with watch.owning():
            outcome = check_file(file, sidecar.key_path(settings.data, key), engine, watch)
            outcome.require(signature=require_signature)
    click.echo(json.dumps(outcome.to_json()) if as_json else _report(outcome))


def _report(outcome: CheckOutcome) -> str:
    lines = [f"{outcome.path}: {size(outcome.size_bytes)}, {outcome.format} {outcome.compression}"]
    lines += [f"checked: {what}" for what in outcome.checked]
    lines += [f"not checked: {what}" for what in outcome.not_checked]
    return "\n".join([*lines, f"sha256 {outcome.sha256}"])
