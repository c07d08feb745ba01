"""Write small archives of pg_dump's custom format, whole or wrong in any wanted way."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import zstandard

from chalicelib.engine.archive.toc import Codec

V14, V15, V16 = (1, 14, 0), (1, 15, 0), (1, 16, 0)
END_OF_ROWS = b"\\.\n\n\n"
CODES = {Codec.NONE: 0, Codec.GZIP: 1, Codec.ZSTD: 3}
PIECE_BYTES = 100


def integer(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: str | None) -> bytes:
    if value is None:
        return integer(-1)
    data = value.encode("utf-8", "surrogateescape")
    return integer(len(data)) + data


def quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return name if name.isidentifier() else f'"{doubled}"'


@dataclass(frozen=True)
class Entry:
    """An entry with whatever a test wants to say about it; `rows` None means no block."""

    dump_id: int = 10
    tag: str = "people"
    descriptor: str = "TABLE DATA"
    namespace: str = "public"
    columns: str | None = "(id, name)"
    rows: bytes | None = None
    large_objects: Mapping[int, bytes] = field(default_factory=dict)
    section: int = 3
    definition: str = ""
    owner: str = "ann"
    oid: str = "16384"
    has_data: int | None = None
    state: int | None = None
    dependencies: Sequence[str] = ()

    @property
    def is_with_data(self) -> bool:
        return self.rows is not None or bool(self.large_objects)

    @property
    def copy(self) -> str:
        is_rows = self.rows is not None and self.columns is not None
        table = f"{quoted(self.namespace)}.{quoted(self.tag)}"
        return f"COPY {table} {self.columns} FROM stdin;\n" if is_rows else ""


@dataclass(frozen=True)
class Made:
    """The bytes of an archive, and where its parts begin."""

    data: bytes
    toc_bytes: int
    offsets: dict[int, int]

    def chunks(self, size_bytes: int = 7) -> Iterator[bytes]:
        return pieces(self.data, size_bytes)


@dataclass(frozen=True)
class Writer:
    """Say how archives are written: version, codec, and whether offsets are known."""

    version: tuple[int, int, int] = V16
    codec: Codec = Codec.GZIP
    located: bool = True
    database: str = "shop"
    month: int = 2

    def archive(self, *entries: Entry, count: int | None = None) -> Made:
        blocks = {e.dump_id: self.block(e) for e in entries if e.is_with_data}
        toc_bytes = len(self.toc(entries, {}, count))
        offsets: dict[int, int] = {}
        end = toc_bytes
        for dump_id, block in blocks.items():
            offsets[dump_id] = end
            end += len(block)
        data = self.toc(entries, offsets, count) + b"".join(blocks.values())
        return Made(data, toc_bytes, offsets)

    def toc(
        self, entries: Sequence[Entry], offsets: Mapping[int, int], count: int | None = None
    ) -> bytes:
        listed = b"".join(self.entry(entry, offsets.get(entry.dump_id, 0)) for entry in entries)
        return self.header() + integer(len(entries) if count is None else count) + listed

    def header(self) -> bytes:
        codec = bytes([CODES[self.codec]])
        if self.version < V15:
            codec = integer(0 if self.codec is Codec.NONE else -1)
        made_at = b"".join(map(integer, (30, 5, 12, 1, self.month, 126, 0)))
        names = b"".join(map(text, (self.database, "18.6", "18.6")))
        return b"PGDMP" + bytes(self.version) + bytes([4, 8, 1]) + codec + made_at + names

    def entry(self, entry: Entry, offset: int) -> bytes:
        has_data = int(entry.is_with_data) if entry.has_data is None else entry.has_data
        state = (2 if self.located else 1) if entry.is_with_data else 3
        state = state if entry.state is None else entry.state
        parts = [
            integer(entry.dump_id) + integer(has_data) + text("1259") + text(entry.oid),
            text(entry.tag) + text(entry.descriptor) + integer(entry.section),
            text(entry.definition) + text("") + text(entry.copy),
            text(entry.namespace) + text(None) + text("heap"),
            integer(ord("r")) if self.version >= V16 else b"",
            text(entry.owner) + text("false"),
            *(text(one) for one in entry.dependencies),
            text(None) + bytes([state]) + (offset if self.located else 0).to_bytes(8, "little"),
        ]
        return b"".join(parts)

    def block(self, entry: Entry) -> bytes:
        if entry.rows is not None:
            data = self.stream(entry.rows + END_OF_ROWS)
            return b"\x01" + integer(entry.dump_id) + data
        objects = [integer(oid) + self.stream(data) for oid, data in entry.large_objects.items()]
        return b"\x03" + integer(entry.dump_id) + b"".join(objects) + integer(0)

    def stream(self, raw: bytes) -> bytes:
        packed = pieces(self.packed(raw), PIECE_BYTES)
        return b"".join(integer(len(piece)) + piece for piece in packed) + integer(0)

    def packed(self, raw: bytes) -> bytes:
        if self.codec is Codec.GZIP:
            return zlib.compress(raw, 1)
        if self.codec is Codec.ZSTD:
            return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(raw)
        return raw


def pieces(data: bytes, size_bytes: int) -> Iterator[bytes]:
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]


def small_archive(writer: Writer | None = None) -> Made:
    """An archive of every kind of entry and block, some 800 bytes long."""
    return (writer or Writer()).archive(
        Entry(1, "ENCODING", "ENCODING", "", definition="SET client_encoding = 'UTF8';\n"),
        Entry(5, "people", "TABLE", definition="CREATE TABLE people;", dependencies=["4", "3"]),
        Entry(10, rows=b"1\tann\n2\t\\N\n3\ttwo\\nlines\n", dependencies=["5"]),
        Entry(11, "empty", rows=b""),
        Entry(12, "BLOBS", "BLOBS", "", large_objects={7: b"seven" * 50, 8: b""}),
    )
