"""The command `holdfast demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.cli.exit_codes import REFUSED
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.progress_view import duration, size, view_for
from chalicelib.domain.connection import parse_url
from chalicelib.local.comparison import Difference, Facts
from chalicelib.local.demo import Demo, DemoRequest
from chalicelib.local.demo_report import DemoReport
from chalicelib.local.demo_supabase import (
    Look,
    SupabaseDemo,
    SupabaseDemoReport,
    SupabaseDemoRequest,
)

FILES_SHOWN: Final = 5
"""Equal files that the demo of a project names; the others are counted."""


@click.command(
    epilog=examples(
        "holdfast demo",
        "holdfast demo --rows-mb 1000 --keep --data /tmp/holdfast-demo",
        "DATABASE_URL=postgresql://… holdfast demo",
        "holdfast demo --supabase",
    )
)
@click.option(
    "--rows-mb",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="About how many megabytes of rows to make.",
)
@click.option(
    "--supabase", is_flag=True, help="Show a whole Supabase project, between two stand-ins."
)
@click.option("--keep", is_flag=True, help="Keep the data folder with the backup in it.")
@data_option
@json_option
@pass_invocation
def demo(
    invocation: Invocation,
    *,
    rows_mb: int,
    supabase: bool,
    keep: bool,
    data: Path | None,
    as_json: bool,
) -> int:
    """Back up, download and restore a sample database, and compare every row.

    Starts a PostgreSQL of its own and fills it; with DATABASE_URL set, that database is the source
    and is only read. Everything goes the way a caller would go: over HTTP, with a key, through a
    download link, into stock pg_restore. Exit code 0 only when all is equal, 3 when not.

    With --supabase: users, files, functions and policies of a project, backed up, proven, restored
    into a second project, and looked at in both as their users see them.
    """
    if supabase:
        return _of_supabase(invocation, keep=keep, data=data, as_json=as_json)
    url = invocation.environment.get("DATABASE_URL")
    request = DemoRequest(
        settings=invocation.settings(None),
        environment=invocation.environment,
        source=parse_url(url) if url else None,
        rows_mb=rows_mb,
        data=data,
        keep=keep,
    )
    say = _quiet if as_json else _say
    with view_for(as_json=as_json) as view, invocation.interruption.polled():
        report = Demo(request, say, view.show, invocation.interruption.check).run()
    if as_json:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        _print(report)
    return 0 if report.equal else REFUSED


def _of_supabase(invocation: Invocation, *, keep: bool, data: Path | None, as_json: bool) -> int:
    request = SupabaseDemoRequest(
        settings=invocation.settings(None),
        environment=invocation.environment,
        data=data,
        keep=keep,
    )
    say = _quiet if as_json else _say
    with invocation.interruption.polled():
        report = SupabaseDemo(request, say, invocation.interruption.check).run()
    if as_json:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        _print_looks(report)
    return 0 if report.equal else REFUSED


def _print_looks(report: SupabaseDemoReport) -> None:
    files = [look for look in report.looks if look.what.startswith("file ")]
    unshown = [look for look in files[FILES_SHOWN:] if look.equal]
    for look in report.looks:
        if look not in unshown:
            click.echo(_seen(look))
    if unshown:
        click.echo(f"equal: {len(unshown)} more files")
    for told in report.by_hand:
        click.echo(f"left to do by hand: {told}")
    for step, seconds in report.seconds.items():
        click.echo(f"{step}: {duration(seconds)}")
    different = sum(not look.equal for look in report.looks)
    click.echo("all is equal" if report.equal else f"{different} things are DIFFERENT")
    if report.kept is not None:
        click.echo(f"kept in {report.kept}")


def _seen(look: Look) -> str:
    if look.equal:
        return f"equal: {look.what}, {look.source}"
    source, restored = look.source or "missing", look.restored or "missing"
    return f"DIFFERENT: {look.what}, {source} in the source and {restored} in the other"


def _say(text: str) -> None:
    click.echo(text)


def _quiet(text: str) -> None:
    del text


def _print(report: DemoReport) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("compared", "source", "restored", ""):
        table.add_column(name, justify="right" if name in {"source", "restored"} else "left")
    for difference in report.differences:
        table.add_row(*(Text(cell) for cell in _row(difference)))
    Console().print(table)
    totals = report.totals()
    click.echo(f"rows {totals.rows}, dump {size(report.stored_bytes)} of {size(report.raw_bytes)}")
    for step, seconds in report.seconds.items():
        click.echo(f"{step}: {duration(seconds)}")
    click.echo(f"backup throughput: {size(report.bytes_per_s)}/s of raw bytes")
    click.echo("all is equal" if report.equal else f"{totals.different} things are DIFFERENT")
    if report.kept is not None:
        click.echo(f"kept in {report.kept}")


def _row(difference: Difference) -> tuple[str, str, str, str]:
    verdict = "equal" if difference.equal else "DIFFERENT"
    return difference.what, _count(difference.source), _count(difference.restored), verdict


def _count(facts: Facts | None) -> str:
    return "missing" if facts is None else str(facts.count)
