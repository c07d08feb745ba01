"""Look inside a stored archive by ranges: what it holds, and the first rows of a table."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.contents import contents_of
from chalicelib.engine.archive.places import places_of
from chalicelib.engine.archive.ranges import Windows
from chalicelib.engine.archive.rows import first_rows
from chalicelib.engine.archive.toc import Toc
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.postgres_ports import Ranges


def contents(
    source: Ranges, blocks: tuple[BlockDigest, ...], beat: Callable[[], None]
) -> ArchiveContents:
    """Read the head of an archive, at most twice its length, and describe what it lists."""
    windows = Windows(source, beat)
    found = contents_of(_toc(windows), windows.size_bytes, blocks)
    return found.model_copy(update={"read_bytes": windows.read_bytes})


def rows(
    source: Ranges, blocks: tuple[BlockDigest, ...], wanted: RowsWanted, beat: Callable[[], None]
) -> TableRows:
    """Read the head of an archive, then the block of one table as far as its rows are wanted."""
    windows = Windows(source, beat)
    toc = _toc(windows)
    return first_rows(windows, toc, places_of(toc, windows.size_bytes, blocks), wanted)


def _toc(windows: Windows) -> Toc:
    return read_toc(ByteStream(windows.between(0, windows.size_bytes)))
