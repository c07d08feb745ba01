r"""Digest the rows and large objects in the SQL text of a dump, as it streams by.

The text is what pg_restore or pg_dump writes: each table's rows stand between a COPY statement and
a line of its own with `\.`, each large object between lo_open and lo_close. Memory does not grow
with the rows. Only a statement that pg_dump's own comment announces counts: the body of a function
may hold lines that look like one. Somebody who imitates the comment as well gets a difference.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.block_digest import LargeObjectSum, object_hash
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.facts import CopyDigest, LargeObjects

COPY: Final = re.compile(
    rb'COPY ((?:"(?:[^"]|"")+"|[^\s".]+)\.)?("(?:[^"]|"")+"|[^\s".]+) (?:\(.*\) )? ?FROM stdin;\Z'
)
OPENED: Final = re.compile(rb"SELECT pg_catalog\.lo_open\('(\d+)', 131072\);\Z")
WRITTEN: Final = re.compile(rb"SELECT pg_catalog\.lowrite\(0, '\\+x([0-9a-f]*)'\);\Z")
CLOSED: Final = b"SELECT pg_catalog.lo_close(0);"
ANNOUNCED: Final = b"-- Data for Name: "
END: Final = b"\n\\.\n"
MAX_LINE_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class TableText:
    """Describe one table's rows; `question` is the statement that reads them back.

    `row_sum` is that of `RowSum`.
    """

    digest: CopyDigest
    question: bytes
    row_sum: int


@dataclass
class RowSum:
    """Add up the lines of a text, whatever their order; memory is that of the longest line.

    Sums are of 64 bit hashes that Python keys anew in every process: compare them within one.
    """

    total: int = 0
    _begun: list[bytes] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        """Take some bytes; a line counts once its end has come."""
        first, *others = data.split(b"\n")
        self._begun.append(first)
        if others:
            *whole, rest = others
            self.total += hash(b"".join(self._begun)) + sum(map(hash, whole))
            self._begun = [rest]


@dataclass
class RowDigest:
    """Digest the rows of one table: in the order they come, and whatever their order."""

    row_sum: RowSum = field(default_factory=RowSum)
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    size_bytes: int = 0
    rows: int = 0

    def add(self, data: memoryview) -> None:
        """Take some bytes of COPY text."""
        self.sha256.update(data)
        self.size_bytes += len(data)
        text = bytes(data)
        self.rows += text.count(b"\n")
        self.row_sum.add(text)

    def digest(self) -> CopyDigest:
        """Describe what was taken."""
        return CopyDigest(
            sha256=self.sha256.hexdigest(), size_bytes=self.size_bytes, rows=self.rows
        )


class CopyText:
    """Take the text chunk by chunk; `finish` gives what was in it."""

    def __init__(self) -> None:
        """Begin outside of any table."""
        self._rest = b""
        self._begun = 0
        self._is_announced = False
        self._table: tuple[str, bytes] | None = None
        self._rows = RowDigest()
        self._tables: dict[str, tuple[RowDigest, bytes]] = {}
        self._large_objects = LargeObjectSum()
        self._one = object_hash(0)
        self._one_bytes = 0

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes."""
        data = self._rest + chunk
        start = 0
        while (end := self._step(data, start)) is not None:
            start = end
        self._rest = data[start:]
        if self._table is None and len(self._rest) > MAX_LINE_BYTES:
            raise IntegrityFailed("the dump has a line of SQL that is longer than any can be")

    def finish(self) -> tuple[dict[str, TableText], LargeObjects]:
        """Return the tables by name, and the large objects; the text must be whole."""
        if self._table is not None:
            raise IntegrityFailed(f"the rows of {self._table[0]} do not end")
        tables = {
            name: TableText(rows.digest(), question, rows.row_sum.total)
            for name, (rows, question) in self._tables.items()
        }
        return tables, described(self._large_objects)

    def _step(self, data: bytes, start: int) -> int | None:
        """Go on from here; return where to go on next, None when more bytes are needed."""
        return self._in_rows(data, start) if self._table else self._in_sql(data, start)

    def _in_rows(self, data: bytes, start: int) -> int | None:
        if self._rows.size_bytes == self._begun and data.startswith(END[1:], start):
            return self._close(start + len(END) - 1)
        end = data.find(END, start)
        if end >= 0:
            self._rows.add(memoryview(data)[start : end + 1])
            return self._close(end + len(END))
        # the last bytes may be the beginning of the end
        safe = len(data) - len(END)
        if safe > start:
            self._rows.add(memoryview(data)[start:safe])
            return safe
        return None

    def _in_sql(self, data: bytes, start: int) -> int | None:
        end = data.find(b"\n", start)
        if end < 0:
            return None
        line = data[start:end]
        if line.startswith(ANNOUNCED):
            self._is_announced = True
        elif line.startswith(b"COPY ") and self._is_announced:
            self._is_announced = False
            self._open(line)
        elif line.startswith(b"SELECT pg_catalog.lo"):
            self._in_large_object(line)
        return end + 1

    def _open(self, line: bytes) -> None:
        match = COPY.match(line)
        if match is not None:
            name = b".".join(_unquoted(part) for part in (match[1] or b"", match[2]) if part)
            question = question_of(line)
            self._table = (name.decode(errors="replace"), question)
            # an archive may hold a table in several pieces, which follow each other
            self._rows, _ = self._tables.get(self._table[0], (RowDigest(), b""))
            self._begun = self._rows.size_bytes

    def _close(self, end: int) -> int:
        if self._table is not None:
            name, question = self._table
            self._tables[name] = (self._rows, question)
        self._table = None
        return end

    def _in_large_object(self, line: bytes) -> None:
        if opened := OPENED.match(line):
            self._one, self._one_bytes = object_hash(int(opened[1])), 0
        elif written := WRITTEN.match(line):
            data = bytes.fromhex(written[1].decode())
            self._one.update(data)
            self._one_bytes += len(data)
        elif line == CLOSED:
            self._large_objects.add(self._one_bytes, self._one.digest())


def question_of(statement: bytes) -> bytes:
    """Return the statement that reads back what this COPY statement wrote."""
    return statement.rstrip(b"\n").removesuffix(b"FROM stdin;") + b"TO STDOUT"


def described(total: LargeObjectSum) -> LargeObjects:
    """Describe large objects that were added up."""
    digest = total.sha256 if total.objects else None
    return LargeObjects(count=total.objects, size_bytes=total.raw_bytes, digest=digest)


def _unquoted(part: bytes) -> bytes:
    part = part.removesuffix(b".")
    return part[1:-1].replace(b'""', b'"') if part.startswith(b'"') else part
