"""The command `holdfast demo`."""

from __future__ import annotations

import json
from pathlib import Path

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


@click.command(
    epilog=examples(
        "holdfast demo",
        "holdfast demo --rows-mb 1000 --keep --data /tmp/holdfast-demo",
        "DATABASE_URL=postgresql://… holdfast demo",
    )
)
@click.option(
    "--rows-mb",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="About how many megabytes of rows to make.",
)
@click.option("--keep", is_flag=True, help="Keep the data folder with the backup in it.")
@data_option
@json_option
@pass_invocation
def demo(
    invocation: Invocation, *, rows_mb: int, keep: bool, data: Path | None, as_json: bool
) -> int:
    """Back up, download and restore a sample database, and compare every row.

    Starts a PostgreSQL of its own and fills it; with DATABASE_URL set, that database is the source
    and is only read. Everything goes the way a caller would go: over HTTP, with a key, through a
    download link, into stock pg_restore. Exit code 0 only when all is equal, 3 when not.
    """
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
