"""Read the rows of an archive's entries as COPY text, one entry after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.engine.archive.blocks import blocks, skip
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.encodings import encoding_of
from chalicelib.engine.archive.toc import TocEntry
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.postgres_ports import RestoreFile


@dataclass(frozen=True)
class Rows:
    """Hold the rows of one entry as COPY text, to be read once."""

    entry: TocEntry
    text: Iterator[bytes]
    encoding: str


def rows_of(file: RestoreFile, dump_ids: frozenset[int]) -> Iterator[Rows]:
    """Yield the rows of each of these entries; whatever nobody took is passed over."""
    stream = ByteStream(file.open())
    toc = read_toc(stream)
    for block, entry in blocks(stream, toc):
        if entry.dump_id in dump_ids and entry.is_table_data:
            rows = Rows(entry, decoded(toc.header.codec, stream.run()), encoding_of(toc))
            yield rows
            deque(rows.text, maxlen=0)
        else:
            skip(stream, block)
