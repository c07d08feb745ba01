"""Say what the target of a restore is held against: the texts of the dump, by table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import SourceCounts, TableCount
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.facts import CopyDigest, LargeObjects
from chalicelib.domain.measure import recorded
from chalicelib.engine.archive.blocks import blocks, skip
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.digests import END_MARK
from chalicelib.engine.archive.encodings import codec_of, readable
from chalicelib.engine.archive.toc import Toc, TocEntry
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.engine.proof.copy_text import CopyText, RowSum, question_of
from chalicelib.postgres_ports import RestoreFile

_SEQUENCE: Final = "SEQUENCE SET"


@dataclass(frozen=True)
class TableMeasure:
    """Hold what is known of the rows of one table; None is not known.

    `question` is the statement that reads them back from the target.
    """

    question: bytes
    digest: CopyDigest | None
    row_sum: int | None = None


@dataclass(frozen=True)
class Measure:
    """Hold everything that one target is compared with, keys as `schema.name`.

    `sequences` None are all of them. `left_out` maps tables that cannot be compared to the reason.
    """

    counts: SourceCounts
    tables: tuple[TableCount, ...]
    texts: Mapping[str, TableMeasure]
    left_out: Mapping[str, str]
    sequences: frozenset[str] | None
    large_object_digest: str | None
    is_whole: bool


def texts_of_archive(
    toc: Toc, loaded: Iterable[TocEntry], on_record: tuple[BlockDigest, ...]
) -> dict[str, TableMeasure]:
    """Return the texts of the tables that were loaded, with their digests where there are some."""
    codec = codec_of(toc)
    digests = recorded(on_record)
    return {
        name: TableMeasure(_question(entry), digests.get(name))
        for entry in loaded
        if entry.is_table_data and entry.copy_statement
        for name in [label(entry, codec)]
    }


def texts_of_script(text: CopyText) -> tuple[dict[str, TableMeasure], LargeObjects]:
    """Return the texts and the large objects that went by on their way to psql."""
    tables, stored = text.finish()
    texts = {
        name: TableMeasure(one.question, one.digest, one.row_sum) for name, one in tables.items()
    }
    return texts, stored


def sequences_of(toc: Toc, entries: Iterable[TocEntry]) -> frozenset[str]:
    """Name the sequences whose position these entries set."""
    codec = codec_of(toc)
    return frozenset(label(entry, codec) for entry in entries if entry.descriptor == _SEQUENCE)


def label(entry: TocEntry, codec: str) -> str:
    """Return the name of an entry's object as counts and facts have it."""
    return f"{readable(entry.namespace, codec)}.{readable(entry.tag, codec)}"


def row_sums(
    file: RestoreFile, wanted: Collection[str], beat: Callable[[], object]
) -> dict[str, int]:
    """Read the rows of some tables in an archive once more, whatever their order."""
    if not wanted:
        return {}
    stream = ByteStream(file.open())
    toc = read_toc(stream)
    codec = codec_of(toc)
    sums: dict[str, int] = {}
    for block, entry in blocks(stream, toc):
        name = label(entry, codec)
        if entry.is_table_data and name in wanted:
            text = decoded(toc.header.codec, stream.run())
            # a table may lie in the archive in several pieces
            sums[name] = sums.get(name, 0) + _row_sum(text, beat)
        else:
            skip(stream, block)
        beat()
    return sums


def _row_sum(text: Iterable[bytes], beat: Callable[[], object]) -> int:
    total, mark = RowSum(), RowSum()
    for piece in text:
        total.add(piece)
        beat()
    mark.add(END_MARK)
    return total.total - mark.total


def _question(entry: TocEntry) -> bytes:
    return question_of(entry.copy_statement.encode("utf-8", "surrogateescape"))
