"""Read an archive from its first byte to its last: rows, bytes and SHA-256 of every block.

The chunks may be passed on by whoever gives them, so that one read of the store serves several
readers. Memory is that of the table of contents and a few chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.block_digest import BlockDigest, LargeObjectSum, object_hash
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.archive.blocks import Block, blocks, objects
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.encodings import codec_of, readable
from chalicelib.engine.archive.toc import Codec, Toc, TocEntry
from chalicelib.engine.archive.toc_reader import read_toc

END_MARK: Final = b"\\.\n\n\n"
"""What pg_dump writes behind the rows of every table."""

READ_BYTES: Final = 1 << 16
"""What is decompressed at once: with 1 MiB a quarter of the time went into the page faults of ever
new memory, and into copies of what was not taken yet."""

_NEWLINES_OF_MARK: Final = END_MARK.count(b"\n")
_HELD_BYTES: Final = len(END_MARK) + 1


@dataclass(frozen=True)
class ArchiveDigests:
    """Hold what a full read found, a digest for each block in the order of the archive."""

    toc: Toc
    blocks: tuple[BlockDigest, ...]

    @property
    def raw_bytes(self) -> int:
        """All COPY text and large objects."""
        return sum(block.raw_bytes for block in self.blocks)

    @property
    def sql_bytes(self) -> int:
        """All of that, and the statements."""
        statements = sum(len(one.definition) + len(one.copy_statement) for one in self.toc.entries)
        return statements + self.raw_bytes

    @property
    def data_end(self) -> int:
        """Where the last block has ended."""
        ends = (block.offset + block.stored_bytes for block in self.blocks)
        return max(ends, default=self.toc.size_bytes)


@dataclass(frozen=True)
class TextDigest:
    """Describe a text; `rows` is None where its lines are no rows."""

    rows: int | None
    raw_bytes: int
    sha256: str


def digest_archive(chunks: Iterator[bytes]) -> ArchiveDigests:
    """Read a whole archive; IntegrityFailed unless all of it is there and fits together."""
    stream = ByteStream(_cut(chunks))
    toc = read_toc(stream)
    reader = _BlockReader(stream, toc.header.codec, codec_of(toc))
    return ArchiveDigests(toc, tuple(reader.read(b, entry) for b, entry in blocks(stream, toc)))


def _cut(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), READ_BYTES):
            yield chunk[start : start + READ_BYTES]


def digest_copy_text(text: Iterator[bytes]) -> TextDigest:
    """Read the COPY text of one table up to its end mark, which does not count."""
    sha256 = hashlib.sha256()
    newlines = raw_bytes = 0
    held = b""
    for piece in text:
        # bytes.count looks at every byte by itself; this finds newlines by memchr, and removing is
        # the only call that does so and tells how many there were: four times as fast
        newlines += len(piece) - len(piece.replace(b"\n", b""))
        raw_bytes += len(piece)
        # a short piece cannot tell the mark from the rows, and is joined to what was held
        whole = piece if len(piece) >= _HELD_BYTES else held + piece
        if whole is piece:
            sha256.update(held)
        sha256.update(memoryview(whole)[:-_HELD_BYTES])
        held = whole[-_HELD_BYTES:]
    # behind a row, or at the very beginning: a row that ends in these bytes is no mark
    if held not in {END_MARK, b"\n" + END_MARK}:
        raise IntegrityFailed("the rows of a table have no end mark")
    sha256.update(held[: -len(END_MARK)])
    return TextDigest(newlines - _NEWLINES_OF_MARK, raw_bytes - len(END_MARK), sha256.hexdigest())


def digest_text(text: Iterator[bytes]) -> TextDigest:
    """Read a text whose lines are no rows, such as INSERT statements."""
    sha256 = hashlib.sha256()
    raw_bytes = 0
    for piece in text:
        raw_bytes += len(piece)
        sha256.update(piece)
    return TextDigest(None, raw_bytes, sha256.hexdigest())


@dataclass(frozen=True)
class _BlockReader:
    stream: ByteStream
    codec: Codec
    text_codec: str

    def read(self, block: Block, entry: TocEntry) -> BlockDigest:
        found = self._objects() if entry.is_large_objects else self._text(entry)
        return BlockDigest(
            dump_id=entry.dump_id,
            schema_name=readable(entry.namespace, self.text_codec),
            name=readable(entry.tag, self.text_codec),
            is_large_objects=entry.is_large_objects,
            offset=block.offset,
            stored_bytes=self.stream.position - block.offset,
            raw_bytes=found.raw_bytes,
            rows=found.rows,
            sha256=found.sha256,
        )

    def _text(self, entry: TocEntry) -> TextDigest:
        text = decoded(self.codec, self.stream.run())
        return digest_copy_text(text) if entry.copy_statement else digest_text(text)

    def _objects(self) -> TextDigest:
        total = LargeObjectSum()
        for oid in objects(self.stream):
            sha256 = object_hash(oid)
            size_bytes = 0
            for piece in decoded(self.codec, self.stream.run()):
                sha256.update(piece)
                size_bytes += len(piece)
            total.add(size_bytes, sha256.digest())
        return TextDigest(total.objects, total.raw_bytes, total.sha256)
