"""Make the tree of what an archive holds out of its table of contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.contents import (
    ArchiveContents,
    LargeObjectsInside,
    ObjectInside,
    SchemaInside,
    SizesFrom,
)
from chalicelib.engine.archive.encodings import codec_of, readable
from chalicelib.engine.archive.toc import Toc, TocEntry

_SCHEMA: Final = "SCHEMA"
_TABLE: Final = "TABLE"
_HOLDS_ROWS: Final = frozenset({_TABLE, "FOREIGN TABLE"})
_DETAILS: Final = frozenset(
    {
        "ACL",
        "ACL LANGUAGE",
        "BLOB",
        "BLOB COMMENTS",
        "BLOB METADATA",
        "BLOBS",
        "COMMENT",
        "DATABASE",
        "DATABASE PROPERTIES",
        "DEFAULT",
        "DEFAULT ACL",
        "ENCODING",
        "INDEX ATTACH",
        "MATERIALIZED VIEW DATA",
        "SEARCHPATH",
        "SECURITY LABEL",
        "SEQUENCE OWNED BY",
        "SEQUENCE SET",
        "STATISTICS DATA",
        "STDSTRINGS",
        "SUBSCRIPTION TABLE",
        "TABLE ATTACH",
        "TABLE DATA",
    }
)
"""Entries that say something about an object, or set the scene, and are no object themselves."""


@dataclass(frozen=True)
class BlockSize:
    """Say how large the block of an entry is; what is not known is None."""

    stored_bytes: int
    raw_bytes: int | None = None
    rows: int | None = None


def contents_of(toc: Toc, archive_bytes: int, blocks: Iterable[BlockDigest]) -> ArchiveContents:
    """Describe an archive of this length; `blocks` are what a full read found, or none."""
    sizes_from, sizes = block_sizes(toc, archive_bytes, blocks)
    codec = codec_of(toc)
    header = toc.header
    return ArchiveContents(
        database=readable(header.database, codec),
        server_version=header.server_version,
        dump_version=header.dump_version,
        compression=header.codec.value,
        entries=len(toc.entries),
        stored_bytes=archive_bytes,
        sizes_from=sizes_from,
        schemas=_schemas(toc, sizes, codec),
        large_objects=_large_objects(toc, sizes),
    )


def block_sizes(
    toc: Toc, archive_bytes: int, blocks: Iterable[BlockDigest]
) -> tuple[SizesFrom, dict[int, BlockSize]]:
    """Return sizes by dump id, from the digests if there are any, else from the offsets.

    By offsets, padding counts to the block before it.
    """
    known = {one.dump_id: BlockSize(one.stored_bytes, one.raw_bytes, one.rows) for one in blocks}
    if known or not toc.with_data:
        return SizesFrom.MANIFEST if known else SizesFrom.OFFSETS, known
    if not toc.is_located:
        return SizesFrom.NOWHERE, {}
    placed = sorted((entry.offset, entry.dump_id) for entry in toc.with_data)
    ends = [*placed, (archive_bytes, 0)]
    return SizesFrom.OFFSETS, {
        dump_id: BlockSize(max(end - offset, 0)) for (offset, dump_id), (end, _) in pairwise(ends)
    }


def _schemas(toc: Toc, sizes: Mapping[int, BlockSize], codec: str) -> tuple[SchemaInside, ...]:
    rows = _rows_by_table(toc)
    found: dict[str, list[ObjectInside]] = {}
    for entry in toc.entries:
        if entry.descriptor == _SCHEMA:
            found.setdefault(readable(entry.tag, codec), [])
        elif entry.descriptor not in _DETAILS:
            holds_rows = entry.descriptor in _HOLDS_ROWS
            data = rows.pop((entry.namespace, entry.tag), []) if holds_rows else []
            inside = _object(entry, entry.descriptor, data, sizes)
            found.setdefault(readable(entry.namespace, codec), []).append(_named(inside, codec))
    for data in rows.values():  # a dump of the data alone has no tables, only their rows
        inside = _named(_object(data[0], _TABLE, data, sizes), codec)
        found.setdefault(readable(data[0].namespace, codec), []).append(inside)
    return tuple(SchemaInside(name=name, objects=tuple(found[name])) for name in sorted(found))


def _rows_by_table(toc: Toc) -> dict[tuple[str, str], list[TocEntry]]:
    # several entries may hold the rows of one table
    found: dict[tuple[str, str], list[TocEntry]] = {}
    for entry in toc.entries:
        if entry.is_table_data:
            found.setdefault((entry.namespace, entry.tag), []).append(entry)
    return found


def _object(
    entry: TocEntry, kind: str, data: Iterable[TocEntry], sizes: Mapping[int, BlockSize]
) -> ObjectInside:
    known = [sizes[one.dump_id] for one in data if one.dump_id in sizes]
    return ObjectInside(
        kind=kind,
        name=entry.tag,
        owner=entry.owner,
        stored_bytes=_total(known, lambda size: size.stored_bytes),
        raw_bytes=_total(known, lambda size: size.raw_bytes),
        rows=_total(known, lambda size: size.rows),
    )


def _named(inside: ObjectInside, codec: str) -> ObjectInside:
    names = {"name": readable(inside.name, codec), "owner": readable(inside.owner, codec)}
    return inside.model_copy(update=names)


def _large_objects(toc: Toc, sizes: Mapping[int, BlockSize]) -> LargeObjectsInside | None:
    data = [entry for entry in toc.entries if entry.is_large_objects]
    if not data:
        return None
    known = [sizes[entry.dump_id] for entry in data if entry.dump_id in sizes]
    return LargeObjectsInside(
        count=_total(known, lambda size: size.rows),
        stored_bytes=_total(known, lambda size: size.stored_bytes),
        raw_bytes=_total(known, lambda size: size.raw_bytes),
    )


def _total(sizes: Iterable[BlockSize], part: Callable[[BlockSize], int | None]) -> int | None:
    values = [part(size) for size in sizes]
    known = [value for value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None
