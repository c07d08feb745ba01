"""The command `holdfast dump`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.bootstrap.postgres import postgres_engine
from chalicelib.cli import sidecar
from chalicelib.cli.backup_options import (
    compression_option,
    format_option,
    type_option,
    verify_option,
)
from chalicelib.cli.dump_file import DumpOutcome, DumpTarget, DumpTools, dump_to_file
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.progress_view import ViewWatch, duration, size, view_for
from chalicelib.domain.backup import Asked, BackupOptions, BackupType, Compression, Format
from chalicelib.settings import Settings


@click.command(
    epilog=examples(
        "holdfast dump env:DATABASE_URL -o shop.dump",
        "holdfast dump env:DATABASE_URL -o shop.dump --verify strict",
        "holdfast dump env:DATABASE_URL -o shop.sql.bz2 --compression bzip2",
        "holdfast dump env:DATABASE_URL -o shop-schema.dump --type schema --json",
    )
)
@click.argument("source")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to make; an existing one is never replaced without --force.",
)
@type_option
@format_option
@compression_option
@verify_option
@click.option("--engine", default="auto", show_default=True, help="How to dump: auto or stream.")
@click.option("--force", is_flag=True, help="Replace existing files, in one step, at the end.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the key that signs the manifest; made when it is not there."
    " Without it: the data folder's.",
)
@data_option
@json_option
@pass_invocation
def dump(
    invocation: Invocation,
    *,
    source: str,
    output: Path,
    kind: str,
    file_format: str | None,
    compression: str | None,
    verify: str,
    engine: str,
    force: bool,
    key: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Dump a database into a file, and read the file back before it appears.

    SOURCE is postgresql://user:password@host:port/database, or env:NAME for an environment variable
    that holds such a URL: then the password is in no argument list that others can read.

    Beside FILE lies FILE.manifest.json: what was counted in the dump's snapshot, sizes, hashes and
    versions, signed. Nothing appears unless the whole dump was written, read back and hashed.
    """
    settings = invocation.settings(data)
    connection = invocation.connection(source)
    options = BackupOptions(
        type=BackupType(kind),
        format=Format(file_format) if file_format else None,
        compression=Compression(compression) if compression else None,
        engine=engine,
        verification=Asked(verify),
    )
    with view_for(as_json=as_json) as view, tempfile.TemporaryDirectory() as scratch:
        watch = ViewWatch(invocation.interruption, view)
        tools = _tools(settings, Path(scratch), sidecar.key_path(settings.data, key), watch)
        outcome = dump_to_file(connection, options, DumpTarget(output, force), tools)
    click.echo(json.dumps(outcome.to_json(), ensure_ascii=False) if as_json else _report(outcome))


def _tools(settings: Settings, scratch: Path, key: Path, watch: ViewWatch) -> DumpTools:
    clock = SystemClock()
    return DumpTools(
        engine=postgres_engine(settings, scratch, clock),
        signer=FileSigner(key),
        clock=clock,
        ids=UlidIds(clock),
        watch=watch,
    )


def _report(outcome: DumpOutcome) -> str:
    plan, manifest = outcome.plan, outcome.manifest
    lines = [
        f"{outcome.path}: {size(manifest.main.stored_bytes)}, {size(manifest.raw_bytes or 0)} raw",
        f"{plan.type} {plan.format} {plan.compression}",
        f"server {plan.server_version}, client {plan.client_version}",
        f"restore needs {_restorer(plan.restore_needs)}",
        f"{len(manifest.counts.tables)} tables, {manifest.counts.rows} rows",
        f"dumped in {duration(outcome.dump_s)}, read back in {duration(outcome.verify_s)}",
        f"sha256 {manifest.main.checksum.value}",
        f"signed manifest {outcome.manifest_path}",
    ]
    lines += [f"warning: {warning}" for warning in plan.warnings]
    return "\n".join([*lines, *outcome.reasons])


def _restorer(needs: str) -> str:
    return f"pg_restore {needs} or newer" if needs[:1].isdigit() else needs
