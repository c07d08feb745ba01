"""The command `holdfast prove`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.postgres import postgres_engine
from chalicelib.cli import sidecar
from chalicelib.cli.assertions import assertion_option
from chalicelib.cli.exit_codes import DONE, FAILED, REFUSED
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.progress_view import ViewWatch, view_for
from chalicelib.cli.prove_file import ProveRequest, prove_file
from chalicelib.domain.proof import Assertion, Outcome, ProofLevel, report_text

EXIT_CODES = {Outcome.EQUAL: DONE, Outcome.DIFFERENT: REFUSED, Outcome.UNPROVEN: FAILED}


@click.command(
    epilog=examples(
        "holdfast prove shop.dump",
        "holdfast prove shop.dump --level counts --json",
        "holdfast prove shop.dump --against env:DATABASE_URL",
        "holdfast prove shop.dump --assertion balanced=balanced.sql",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--against", help="Compare with this database as it is now, not with the manifest.")
@click.option(
    "--level",
    type=click.Choice([level.value for level in ProofLevel]),
    default=ProofLevel.DIGESTS.value,
    show_default=True,
    help="How closely rows are compared.",
)
@assertion_option
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the key that signed the manifest. Without it: the data folder's.",
)
@click.option(
    "--trust-archive",
    is_flag=True,
    help="Restore a file that another key signed, by clients without known holes.",
)
@data_option
@json_option
@pass_invocation
def prove(
    invocation: Invocation,
    *,
    file: Path,
    against: str | None,
    level: str,
    assertions: tuple[Assertion, ...] | None,
    key: Path | None,
    trust_archive: bool,
    data: Path | None,
    as_json: bool,
) -> int:
    """Restore a dump into a scratch server and compare everything in it.

    The server is started for this, on no network, and removed afterwards. Without --against the
    copy is held against FILE.manifest.json: rows and contents of every table, sequences, large
    objects, every definition. Exit code 3 when anything differs, 1 when no proof can be made.
    """
    settings = invocation.settings(data)
    request = ProveRequest(
        path=file,
        key=sidecar.key_path(settings.data, key),
        level=ProofLevel(level),
        trusts_others=trust_archive,
        assertions=assertions or (),
        against=invocation.connection(against) if against else None,
    )
    with view_for(as_json=as_json) as view, tempfile.TemporaryDirectory() as scratch:
        watch = ViewWatch(invocation.interruption, view)
        engine = postgres_engine(settings, Path(scratch), SystemClock())
        with watch.owning():
            report = prove_file(request, engine, watch)
    text = report.model_dump_json() if as_json else report_text(report).rstrip("\n")
    click.echo(text)
    return EXIT_CODES[report.outcome]
