"""The command `holdfast rows`."""

from __future__ import annotations

from pathlib import Path

import click

from chalicelib.cli import inside
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    key_option,
    pass_invocation,
)
from chalicelib.cli.output import print_json, print_rows, text_of
from chalicelib.domain.contents import MAX_ROWS, RowsWanted, TableRows

NULL = "\\N"


@click.command(
    epilog=examples(
        "holdfast rows shop.dump public.orders --limit 5",
        "holdfast rows 01JD0000000000000000000000 'sales.\"Odd name\"' --json",
    )
)
@click.argument("target", metavar="FILE|BACKUP_ID")
@click.argument("table")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ROWS),
    default=20,
    show_default=True,
    help="How many rows to show at most.",
)
@key_option
@data_option
@json_option
@pass_invocation
def rows(
    invocation: Invocation,
    /,
    *,
    target: str,
    table: str,
    limit: int,
    key: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    r"""Show the first rows of one table of a dump, without restoring it.

    TABLE is schema.table, each in SQL's quotes where a dot is part of a name. Null is shown as \N.
    Only the table's own bytes are read where the dump or its manifest knows their place.
    """
    place = inside.Place(target, data, key)
    found = inside.rows(invocation, place, RowsWanted(table, limit))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    shown = [[NULL if value is None else text_of(value) for value in row] for row in found.rows]
    print_rows(found.columns, shown)
    if note := _note(found):
        click.echo(note, err=True)


def _note(found: TableRows) -> str:
    notes = []
    if not found.is_all:
        notes.append("the table has more rows")
    if found.is_cut:
        notes.append("fewer than asked for are shown, for they are large")
    if found.cut_values:
        notes.append(f"{found.cut_values} values are shown in part")
    return "; ".join(notes)
