"""What lies inside a backup, as people look at it: a tree of objects, the first rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.backup import BackupType, Value

MAX_ROWS: Final = 1000
MAX_RESULT_BYTES: Final = 256 << 10
"""What a job may answer: its record is one item, and no store takes items much larger."""

FILES_BYTES: Final = 64 << 10
"""What of that files may take."""

_OBJECT_BYTES: Final = 160
"""The names of an object's fields and its numbers in JSON, at their longest."""


class SizesFrom(StrEnum):
    """Say how sizes are known: from offsets in the archive, from the manifest, or not at all."""

    OFFSETS = "offsets"
    MANIFEST = "manifest"
    NOWHERE = "nowhere"


class ObjectInside(Value):
    """Describe one object; sizes are of a table's rows, in bytes, and None where unknown."""

    kind: str
    name: str
    owner: str = ""
    stored_bytes: int | None = None
    raw_bytes: int | None = None
    rows: int | None = None

    @property
    def cost_bytes(self) -> int:
        """About how long the object is in JSON."""
        return _OBJECT_BYTES + len(
            # as ASCII, which is how long any store may write it
            self.model_dump_json(include={"kind", "name", "owner"}, ensure_ascii=True)
        )


class SchemaInside(Value):
    """Hold the objects of one schema; the name is empty for those that belong to none."""

    name: str
    objects: tuple[ObjectInside, ...]


class LargeObjectsInside(Value):
    """Describe all large objects together."""

    count: int | None
    stored_bytes: int | None
    raw_bytes: int | None


class PartInside(Value):
    """Describe an archive that lies beside the dump, by its artefact."""

    name: str
    type: BackupType
    stored_bytes: int


class FileInside(Value):
    """Describe a file of the storage; `key` is the artefact it can be downloaded by.

    Without a key, `missing` says why the backup does not hold it.
    """

    bucket: str
    name: str
    size_bytes: int | None = None
    key: str | None = None
    missing: str | None = None


class FilesInside(Value):
    """Sum up the files of the storage, and name the first of them; `listing` names them all."""

    listing: str
    count: int
    size_bytes: int
    missing: int
    first: tuple[FileInside, ...]


class ArchiveContents(Value):
    """Describe what an archive holds; `left_out` counts objects that found no room here.

    `read_bytes` is what had to be read of the archive to know all this. `parts` lie beside it, and
    `files` beside them; the tables whose rows a part holds are among the schemas.
    """

    database: str
    server_version: str
    dump_version: str
    compression: str
    entries: int
    stored_bytes: int
    sizes_from: SizesFrom
    schemas: tuple[SchemaInside, ...]
    large_objects: LargeObjectsInside | None = None
    left_out: int = 0
    read_bytes: int = 0
    parts: tuple[PartInside, ...] = ()
    files: FilesInside | None = None

    def beside(self, part: PartInside, contents: ArchiveContents | None) -> ArchiveContents:
        """Return the same with one part more, and its contents where it has rows."""
        update: dict[str, object] = {"parts": (*self.parts, part)}
        if contents is not None:
            update["schemas"] = _joined(self.schemas, contents.schemas)
            update["read_bytes"] = self.read_bytes + contents.read_bytes
        return self.model_copy(update=update)

    def fitted(self, max_bytes: int) -> ArchiveContents:
        """Return the contents with as many objects as fit, the largest tables first."""
        bare = self.model_copy(update={"schemas": ()})
        room = max_bytes - len(bare.model_dump_json(ensure_ascii=True))
        kept: set[tuple[str, int]] = set()
        left_out = 0
        for schema, place, found in sorted(self._objects(), key=_by_size):
            room -= found.cost_bytes + len(json.dumps(schema))
            if room >= 0:
                kept.add((schema, place))
            else:
                left_out += 1
        schemas = tuple(_only(schema, kept) for schema in self.schemas) if left_out else None
        if schemas is None:
            return self
        full = tuple(schema for schema in schemas if schema.objects)
        return self.model_copy(update={"schemas": full, "left_out": self.left_out + left_out})

    def _objects(self) -> Iterator[tuple[str, int, ObjectInside]]:
        for schema in self.schemas:
            for place, found in enumerate(schema.objects):
                yield schema.name, place, found


@dataclass(frozen=True)
class RowsWanted:
    """Name a table as `schema.table` or with SQL's quotes, and how many rows to show."""

    table: str
    limit: int


class TableRows(Value):
    """Hold the first rows of a table as text, None for null.

    `is_all` says that the table has no more rows. `cut_values` counts the values that are shown in
    part, and `is_cut` says that fewer rows are shown than were asked for, for want of room.
    """

    schema_name: str
    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    is_all: bool
    is_cut: bool = False
    cut_values: int = 0
    read_bytes: int = 0


def quoted_name(schema: str, table: str) -> str:
    """Return a table's name as SQL has it, which reads in one way only."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))


def first_files(files: Iterable[FileInside]) -> tuple[FileInside, ...]:
    """Return as many files as an answer has room for beside all else."""
    found: list[FileInside] = []
    room = FILES_BYTES
    for file in files:
        room -= len(file.model_dump_json(ensure_ascii=True))
        if room < 0:
            break
        found.append(file)
    return tuple(found)


def _joined(
    some: tuple[SchemaInside, ...], more: tuple[SchemaInside, ...]
) -> tuple[SchemaInside, ...]:
    found = {schema.name: schema.objects for schema in some}
    for schema in more:
        found[schema.name] = (*found.get(schema.name, ()), *schema.objects)
    return tuple(SchemaInside(name=name, objects=found[name]) for name in sorted(found))


def _by_size(found: tuple[str, int, ObjectInside]) -> tuple[bool, int]:
    inside = found[2]
    return inside.kind != "TABLE", -(inside.stored_bytes or 0)


def _only(schema: SchemaInside, kept: set[tuple[str, int]]) -> SchemaInside:
    objects = tuple(o for place, o in enumerate(schema.objects) if (schema.name, place) in kept)
    return schema.model_copy(update={"objects": objects})
