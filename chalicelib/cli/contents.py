"""The command `holdfast contents`."""

from __future__ import annotations

from collections.abc import Iterator
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
from chalicelib.cli.output import print_json, text_of
from chalicelib.cli.progress_view import size
from chalicelib.domain.contents import ArchiveContents, FilesInside, ObjectInside, SizesFrom


@click.command(
    epilog=examples(
        "holdfast contents shop.dump", "holdfast contents 01JD0000000000000000000000 --json"
    )
)
@click.argument("target", metavar="FILE|BACKUP_ID")
@key_option
@data_option
@json_option
@pass_invocation
def contents(
    invocation: Invocation, *, target: str, key: Path | None, data: Path | None, as_json: bool
) -> None:
    """List schemas, objects and sizes of a dump, without reading its rows.

    A manifest beside the file is checked, signature and size; the bytes themselves are not: that is
    what `holdfast check` does.
    """
    found = inside.contents(invocation, inside.Place(target, data, key))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        click.echo("\n".join(_report(found)))


def _report(found: ArchiveContents) -> Iterator[str]:
    yield (
        f"database {text_of(found.database)}, PostgreSQL {text_of(found.server_version)},"
        f" {size(found.stored_bytes)} {found.compression}"
    )
    if found.sizes_from is SizesFrom.NOWHERE:
        yield "sizes of tables are not known: the dump went into a pipe, and no manifest tells them"
    for schema in found.schemas:
        yield text_of(schema.name) if schema.name else "(no schema)"
        yield from (f"  {_line(one)}" for one in schema.objects)
    if found.large_objects is not None:
        inside_them = found.large_objects
        counted = "" if inside_them.count is None else f" {inside_them.count}"
        yield f"large objects{counted}{_sizes(inside_them.stored_bytes, inside_them.raw_bytes)}"
    for part in found.parts:
        yield f"beside it {part.name}, {part.type}, {size(part.stored_bytes)}"
    yield from _files(found.files)
    if found.left_out:
        yield f"and {found.left_out} more objects that the answer had no room for"


def _files(files: FilesInside | None) -> Iterator[str]:
    if files is None:
        return
    yield f"files {files.count}, {size(files.size_bytes)}, {files.missing} missing"
    for file in files.first:
        held = file.missing or f"{file.key}, {size(file.size_bytes or 0)}"
        yield f"  {text_of(file.bucket)}/{text_of(file.name)}: {held}"
    if files.count + files.missing > len(files.first):
        yield f"  and more, all in {files.listing}"


def _line(one: ObjectInside) -> str:
    counted = "" if one.rows is None else f", {one.rows} rows"
    return f"{one.kind} {text_of(one.name)}{counted}{_sizes(one.stored_bytes, one.raw_bytes)}"


def _sizes(stored_bytes: int | None, raw_bytes: int | None) -> str:
    stored = "" if stored_bytes is None else f", {size(stored_bytes)}"
    return stored if raw_bytes is None else f"{stored} of {size(raw_bytes)}"
