"""Make the tree of what an archive holds out of its table of contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from chalicelib.engine.archive.places import Place, places_of
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


def contents_of(toc: Toc, archive_bytes: int, blocks: Iterable[BlockDigest]) -> ArchiveContents:
    """Describe an archive of this length; `blocks` are what a full read found, or none."""
    known = tuple(blocks)
    places = places_of(toc, archive_bytes, known)
    codec = codec_of(toc)
    header = toc.header
    return ArchiveContents(
        database=readable(header.database, codec),
        server_version=readable(header.server_version, codec),
        dump_version=readable(header.dump_version, codec),
        compression=header.codec.value,
        entries=len(toc.entries),
        stored_bytes=archive_bytes,
        sizes_from=_sizes_from(toc, known),
        schemas=_schemas(toc, places, codec),
        large_objects=_large_objects(toc, places),
    )


def _sizes_from(toc: Toc, blocks: tuple[BlockDigest, ...]) -> SizesFrom:
    if blocks:
        return SizesFrom.MANIFEST
    return SizesFrom.OFFSETS if toc.is_located else SizesFrom.NOWHERE


def _schemas(toc: Toc, places: Mapping[int, Place], codec: str) -> tuple[SchemaInside, ...]:
    rows = _rows_by_table(toc)
    found: dict[str, list[ObjectInside]] = {}
    for entry in toc.entries:
        if entry.descriptor == _SCHEMA:
            found.setdefault(readable(entry.tag, codec), [])
        elif entry.descriptor not in _DETAILS:
            holds_rows = entry.descriptor in _HOLDS_ROWS
            data = rows.pop((entry.namespace, entry.tag), []) if holds_rows else []
            inside = _object(entry, entry.descriptor, data, places)
            found.setdefault(readable(entry.namespace, codec), []).append(_named(inside, codec))
    for data in rows.values():  # a dump of the data alone has no tables, only their rows
        inside = _named(_object(data[0], _TABLE, data, places), codec)
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
    entry: TocEntry, kind: str, data: Iterable[TocEntry], places: Mapping[int, Place]
) -> ObjectInside:
    known = [places[one.dump_id] for one in data if one.dump_id in places]
    return ObjectInside(
        kind=kind,
        name=entry.tag,
        owner=entry.owner,
        stored_bytes=_total(known, lambda place: place.stored_bytes),
        raw_bytes=_total(known, lambda place: place.raw_bytes),
        rows=_total(known, lambda place: place.rows),
    )


def _named(inside: ObjectInside, codec: str) -> ObjectInside:
    texts = {"kind": inside.kind, "name": inside.name, "owner": inside.owner}
    return inside.model_copy(update={k: readable(text, codec) for k, text in texts.items()})


def _large_objects(toc: Toc, places: Mapping[int, Place]) -> LargeObjectsInside | None:
    data = [entry for entry in toc.entries if entry.is_large_objects]
    if not data:
        return None
    known = [places[entry.dump_id] for entry in data if entry.dump_id in places]
    return LargeObjectsInside(
        count=_total(known, lambda place: place.rows),
        stored_bytes=_total(known, lambda place: place.stored_bytes),
        raw_bytes=_total(known, lambda place: place.raw_bytes),
    )


def _total(places: Iterable[Place], part: Callable[[Place], int | None]) -> int | None:
    values = [part(place) for place in places]
    known = [value for value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None
