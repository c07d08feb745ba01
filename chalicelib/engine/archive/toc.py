"""What stands at the head of an archive: who made it, and every object it holds, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Final

TABLE_DATA: Final = "TABLE DATA"
LARGE_OBJECTS: Final = "BLOBS"


class Codec(StrEnum):
    """Name how the blocks of an archive are compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Section(IntEnum):
    """Say when an entry is restored."""

    NONE = 1
    PRE_DATA = 2
    DATA = 3
    POST_DATA = 4


class DataState(IntEnum):
    """Say whether the offset of an entry's block is known; a dump into a pipe knows none."""

    NOT_LOCATED = 1
    LOCATED = 2
    NO_DATA = 3


@dataclass(frozen=True)
class Header:
    """Describe an archive. `created_at` is the clock of the machine that dumped, zone unknown."""

    version: tuple[int, int, int]
    codec: Codec
    created_at: datetime
    database: str
    server_version: str
    dump_version: str


@dataclass(frozen=True, slots=True)
class TocEntry:
    """Describe one object of an archive; a text that was not written is empty.

    `copy_statement` is set for the rows of a table, unless they are INSERT statements.
    `dependencies` are dump ids. `offset` counts from the start of the archive, where `data_state`
    is LOCATED.
    """

    dump_id: int
    has_data: bool
    catalogue_oid: int
    oid: int
    tag: str
    descriptor: str
    section: Section
    definition: str
    drop_statement: str
    copy_statement: str
    namespace: str
    tablespace: str
    access_method: str
    relkind: str
    owner: str
    dependencies: tuple[int, ...]
    data_state: DataState
    offset: int

    @property
    def is_table_data(self) -> bool:
        """Whether the entry holds rows of a table."""
        return self.has_data and self.descriptor == TABLE_DATA

    @property
    def is_large_objects(self) -> bool:
        """Whether the entry holds the bytes of large objects."""
        return self.has_data and self.descriptor == LARGE_OBJECTS


@dataclass(frozen=True)
class Toc:
    """Hold header and entries in the order of the archive; blocks begin at `size_bytes`.

    `state_positions` says for each entry where its data state and offset stand in the archive.
    """

    header: Header
    entries: tuple[TocEntry, ...]
    size_bytes: int
    state_positions: dict[int, int] = field(repr=False)

    @cached_property
    def by_id(self) -> dict[int, TocEntry]:
        """The entries by their dump id."""
        return {entry.dump_id: entry for entry in self.entries}

    @property
    def with_data(self) -> tuple[TocEntry, ...]:
        """The entries that have a block."""
        return tuple(entry for entry in self.entries if entry.has_data)

    @property
    def is_located(self) -> bool:
        """Whether the offset of every block is known."""
        return all(entry.data_state is DataState.LOCATED for entry in self.with_data)
