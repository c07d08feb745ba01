"""Walk over the blocks that follow the table of contents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.toc import DataState, Toc, TocEntry
from chalicelib.engine.archive.toc_reader import require_copy

_OIDS: Final = 1 << 32
_COPY_BEGINS: Final = 0
"""The sign of the count of entries; no kind of block has this number."""


class BlockKind(IntEnum):
    """Say how the bytes of a block are laid out."""

    RUN = 1
    LARGE_OBJECTS = 3


@dataclass(frozen=True)
class Block:
    """Name the block that begins at `offset`."""

    kind: BlockKind
    dump_id: int
    offset: int


def next_block(stream: ByteStream) -> Block | None:
    """Read the head of the next block; None at the end of the archive.

    The block before it must have been read to its end.
    """
    if stream.at_end():
        return None
    offset = stream.position
    try:
        kind = BlockKind(stream.byte())
    except ValueError as error:
        raise IntegrityFailed(f"no block of the archive begins at byte {offset}") from error
    return Block(kind, stream.integer(), offset)


def objects(stream: ByteStream) -> Iterator[int]:
    """Yield the oid of each large object of a block; its run must be read before the next."""
    while oid := stream.integer():
        # written as a signed number, so that the upper half comes out negative
        yield oid % _OIDS


def skip(stream: ByteStream, block: Block) -> None:
    """Read a block to its end without looking at it."""
    if block.kind is BlockKind.RUN:
        _drain(stream)
        return
    for _ in objects(stream):
        _drain(stream)


def blocks(stream: ByteStream, toc: Toc) -> Iterator[tuple[Block, TocEntry]]:
    """Yield every block that an entry has, each of which must be read before the next.

    Blocks of no entry are padding, as pg_restore takes them, and skipped. IntegrityFailed when an
    entry's block is missing, comes twice, or lies elsewhere than the table of contents says.
    """
    missing = {entry.dump_id for entry in toc.with_data}
    while missing or not _has_ended(stream, toc):
        block = next_block(stream)
        if block is None:
            raise IntegrityFailed(f"the archive ends before the data of {len(missing)} entries")
        entry = toc.by_id.get(block.dump_id)
        if entry is None:
            skip(stream, block)
            continue
        if entry.dump_id not in missing:
            raise IntegrityFailed(f"there is a block too many for entry {entry.dump_id}")
        require_block(block, entry)
        missing.remove(entry.dump_id)
        yield block, entry


def _has_ended(stream: ByteStream, toc: Toc) -> bool:
    """Tell whether nothing follows, after the copy of the entries that may."""
    if not stream.at_end() and stream.peek() == _COPY_BEGINS:
        require_copy(stream, toc)
        if not stream.at_end():
            raise IntegrityFailed("there are bytes after the end of the archive")
    return stream.at_end()


def require_block(block: Block | None, entry: TocEntry) -> None:
    """Refuse with IntegrityFailed a block that is not the entry's."""
    wanted = BlockKind.LARGE_OBJECTS if entry.is_large_objects else BlockKind.RUN
    if block is None or (block.dump_id, block.kind) != (entry.dump_id, wanted):
        raise IntegrityFailed(f"the data of entry {entry.dump_id} is not where it should be")
    if entry.data_state is DataState.LOCATED and entry.offset != block.offset:
        raise IntegrityFailed(f"the data of entry {entry.dump_id} is not where it should be")


def _drain(stream: ByteStream) -> None:
    for _ in stream.run():
        pass
