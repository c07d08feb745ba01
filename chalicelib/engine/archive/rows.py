"""Show the first rows of one table, reading its block and as little else as can be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.contents import MAX_RESULT_BYTES, RowsWanted, TableRows
from chalicelib.domain.errors import InvalidRequest, NotFound, Unsupported
from chalicelib.engine.archive.blocks import Block, next_block, require_block, skip
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.copy_text import Row, columns_of
from chalicelib.engine.archive.copy_text import rows as decoded_rows
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.encodings import codec_of, readable
from chalicelib.engine.archive.places import Place
from chalicelib.engine.archive.ranges import Windows
from chalicelib.engine.archive.toc import Toc, TocEntry


def first_rows(
    windows: Windows, toc: Toc, places: Mapping[int, Place], wanted: RowsWanted
) -> TableRows:
    """Decode rows up to the limit, or up to what an answer may hold.

    A table whose block has no place is looked for from the first block on.
    """
    codec = codec_of(toc)
    entries = entries_of(toc, wanted.table, codec)
    columns = columns_of(_statement(entries[0]))
    found = _rows(windows, toc, places, entries)
    taken = _Taken()
    is_all = True
    for row in found:
        is_all = len(taken.rows) < wanted.limit and taken.add(row)
        if not is_all:
            break
    return TableRows(
        schema_name=readable(entries[0].namespace, codec),
        table=readable(entries[0].tag, codec),
        columns=tuple(readable(column, codec) for column in columns),
        rows=tuple(taken.rows),
        is_all=is_all,
        is_cut=not is_all and len(taken.rows) < wanted.limit,
        cut_values=taken.cut_values,
        read_bytes=windows.read_bytes,
    )


def entries_of(toc: Toc, table: str, codec: str) -> list[TocEntry]:
    """Return the entries with the rows of a table, in the order of the archive.

    NotFound when there are none; InvalidRequest when the name fits several tables.
    """
    found = [
        entry for entry in toc.entries if entry.is_table_data and table in _names(entry, codec)
    ]
    if not found:
        raise NotFound(
            f"the archive has no rows of a table {table}",
            hint="Name it as schema.table; `contents` lists what is there.",
        )
    if len({(entry.namespace, entry.tag) for entry in found}) > 1:
        raise InvalidRequest(
            f"{table} may be any of several tables",
            hint='Write it with quotes: "schema"."table".',
            field="table",
        )
    return found


class _Taken:
    """Keep rows as long as they fit into an answer."""

    def __init__(self) -> None:
        self.rows: list[tuple[str | None, ...]] = []
        self.cut_values = 0
        self._room_bytes = MAX_RESULT_BYTES

    def add(self, row: Row) -> bool:
        """Keep a row; False when there is no room for it."""
        self._room_bytes -= len(json.dumps(row.values))
        if self._room_bytes < 0:
            return False
        self.rows.append(row.values)
        self.cut_values += row.cut
        return True


def _names(entry: TocEntry, codec: str) -> set[str]:
    schema, table = readable(entry.namespace, codec), readable(entry.tag, codec)
    return {f"{s}.{t}" for s in (schema, _quoted(schema)) for t in (table, _quoted(table))}


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _statement(entry: TocEntry) -> str:
    if not entry.copy_statement:
        raise Unsupported(
            "the rows of this dump are INSERT statements",
            hint="Make dumps without --inserts; pg_restore shows what is in this one.",
        )
    return entry.copy_statement


def _rows(
    windows: Windows, toc: Toc, places: Mapping[int, Place], entries: Sequence[TocEntry]
) -> Iterator[Row]:
    codec = codec_of(toc)
    for entry in entries:
        columns = len(columns_of(_statement(entry)))
        stream = _at_data(windows, toc, places, entry)
        yield from decoded_rows(decoded(toc.header.codec, stream.run()), columns, codec)


def _at_data(
    windows: Windows, toc: Toc, places: Mapping[int, Place], entry: TocEntry
) -> ByteStream:
    place = places.get(entry.dump_id)
    start, end = (place.offset, place.end) if place else (toc.size_bytes, windows.size_bytes)
    stream = ByteStream(windows.between(start, end), start)
    block = next_block(stream)
    while place is None and not _is_of(block, entry):
        if block is not None:
            skip(stream, block)
        block = next_block(stream) if block else None
    require_block(block, entry)
    return stream


def _is_of(block: Block | None, entry: TocEntry) -> bool:
    return block is None or block.dump_id == entry.dump_id
