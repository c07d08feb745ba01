"""Decode COPY's text format as pg_dump writes it: a line for each row, a tab between values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.errors import IntegrityFailed

MAX_VALUE_BYTES: Final = 4096
"""How much of one value is kept; the rest is passed over as it streams by."""

MAX_COLUMNS: Final = 1664
"""PostgreSQL's limit for a row that is sent; a table has at most 1,600."""

_NULL: Final = b"\\N"
_END: Final = b"\\."
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS: Final = {
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
_NAME: Final = r'(?:"(?:[^"]|"")*"|[^\s".,()]+)'
_COPY: Final = re.compile(rf"COPY {_NAME}(?:\.{_NAME})? (?:\((?P<columns>.*)\))? ?FROM stdin;\n")
_COLUMN: Final = re.compile(rf"({_NAME})(?:, |\Z)")


@dataclass(frozen=True)
class Row:
    """Hold one row; `cut` values are shown in part."""

    values: tuple[str | None, ...]
    cut: int


@dataclass
class _Value:
    # what is kept of the value at hand, and how long it really is
    kept: bytearray = field(default_factory=bytearray)
    size_bytes: int = 0

    def add(self, data: bytes) -> None:
        self.size_bytes += len(data)
        room = MAX_VALUE_BYTES - len(self.kept)
        if room > 0:
            self.kept += data[:room]

    @property
    def is_cut(self) -> bool:
        return self.size_bytes > len(self.kept)


def columns_of(copy_statement: str) -> tuple[str, ...]:
    """Return the names of the columns, unquoted; IntegrityFailed for another statement."""
    match = _COPY.fullmatch(copy_statement)
    if match is None:
        raise IntegrityFailed("the archive has a COPY statement that pg_dump does not write")
    listed = match["columns"] or ""
    names = _COLUMN.findall(listed)
    if ", ".join(names) != listed:
        raise IntegrityFailed("the archive has a list of columns that pg_dump does not write")
    return tuple(_unquoted(name) for name in names)


def rows(text: Iterator[bytes], columns: int, codec: str) -> Iterator[Row]:
    """Yield rows up to the end mark; IntegrityFailed when a row has other columns, or no end.

    Memory is that of one row of values cut to MAX_VALUE_BYTES, however long the row is.
    """
    for line in _lines(text):
        if len(line) == 1 and bytes(line[0].kept) == _END:
            return
        # a row without columns is an empty line, which splits into one empty value
        values = [] if columns == 0 and len(line) == 1 and not line[0].kept else line
        if len(values) != columns:
            raise IntegrityFailed(f"a row has {len(values)} values for {columns} columns")
        decoded = tuple(_decoded(value, codec) for value in values)
        yield Row(decoded, sum(value.is_cut for value in values))
    raise IntegrityFailed("the rows of a table have no end mark")


def _lines(text: Iterator[bytes]) -> Iterator[list[_Value]]:
    line = [_Value()]
    for piece in text:
        first, *others = piece.split(b"\n")
        _extend(line, first)
        for other in others:
            yield line
            line = [_Value()]
            _extend(line, other)


def _extend(line: list[_Value], data: bytes) -> None:
    first, *others = data.split(b"\t", MAX_COLUMNS)
    line[-1].add(first)
    if len(line) + len(others) > MAX_COLUMNS:
        raise IntegrityFailed("a row has more values than a table can have columns")
    for other in others:
        line.append(_Value())
        line[-1].add(other)


def _decoded(value: _Value, codec: str) -> str | None:
    raw = bytes(value.kept)
    if raw == _NULL:
        return None
    if value.is_cut and (len(raw) - len(raw.rstrip(b"\\"))) % 2:
        raw = raw[:-1]  # the cut went through an escape
    if b"\\" in raw:
        raw = _ESCAPE.sub(lambda match: _LETTERS.get(match[1], match[1]), raw)
    return raw.decode(codec, "replace")


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
