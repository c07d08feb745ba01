"""Print results: a table on a terminal, tab-separated lines elsewhere, JSON for programs.

Text of records comes from callers and databases, so control characters never reach a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_list(page: Mapping[str, Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a page of records, one line each; names of `columns` may reach inside: error.code."""
    if as_json:
        print_json(page)
        return
    rows = [[text_of(_reach(item, name)) for name in columns] for item in page["items"]]
    print_rows([name.replace("_", " ") for name in columns], rows)
    if page["next_cursor"]:
        click.echo(f"more: --cursor {page['next_cursor']}", err=True)


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record, a field on each line; empty fields are left out."""
    if as_json:
        print_json(record)
        return
    flat = dict(_flattened(record))
    rows = [[name, text_of(value)] for name, value in flat.items() if value not in (None, "")]
    print_rows(("field", "value"), rows)


def text_of(value: object) -> str:
    """Return a value as one line without control characters."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # an escape sequence in a table's name must not move anybody's cursor
    return "".join(letter if letter.isprintable() else " " for letter in text)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose cells are `text_of` something."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        # Text, because a plain str would be read for markup
        table.add_column(Text(text_of(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _reach(item: Mapping[str, Any], name: str) -> object:
    value: Any = item
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _flattened(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            found += _flattened(value, f"{prefix}{name}.")
        elif value not in ([], ()):
            found.append((prefix + name, value))
    return found
