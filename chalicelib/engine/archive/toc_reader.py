"""Read header and table of contents of archive versions 1.14 (PostgreSQL 12) to 1.16 (17, 18)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.toc import Codec, DataState, Header, Section, Toc, TocEntry

MAGIC: Final = b"PGDMP"
MAX_TOC_BYTES: Final = 128 << 20
"""Some 200,000 tables. In memory it takes four times as much, which no more may do."""

MAX_DEPENDENCIES: Final = 1 << 20
"""One entry may depend on very many (a publication of all tables), not on endlessly many."""

_CUSTOM_FORMAT: Final = 1
_OTHER_FORMATS: Final = {3: "tar", 4: "none", 5: "directory"}
_INTEGER_BYTES: Final = 4
_OFFSET_BYTES: Final = 8
_FIRST_YEAR: Final = 1900
_MAX_OID: Final = 2**32 - 1

Version = tuple[int, int, int]
_OLDEST: Final = (1, 14, 0)
_CODEC_BYTE_SINCE: Final = (1, 15, 0)
_RELKIND_SINCE: Final = (1, 16, 0)
_NEWEST: Final = (1, 16, 255)

_CODECS: Final = {0: Codec.NONE, 1: Codec.GZIP, 3: Codec.ZSTD}
_LZ4: Final = 2


def read_toc(stream: ByteStream) -> Toc:
    """Read from the first byte of an archive up to its first block.

    IntegrityFailed for what is no archive, damaged or cut off; Unsupported for an archive of
    another version, format or codec than we read.
    """
    header = _header(stream)
    entries, positions = _entries(stream, header.version)
    return Toc(header, tuple(entries.values()), stream.position, positions)


def require_copy(stream: ByteStream, toc: Toc) -> None:
    """Read the entries once more; IntegrityFailed when they say something else.

    Behind the last block that is what `pg_dump -Fc > FILE` leaves since version 16: it opens its
    output for appending, so that the entries with their offsets do not replace those without.
    """
    copies, _ = _entries(stream, toc.header.version)
    if tuple(map(_unplaced, copies.values())) != tuple(map(_unplaced, toc.entries)):
        raise IntegrityFailed("the archive ends in another table of contents than it begins with")


def _unplaced(entry: TocEntry) -> TocEntry:
    return replace(entry, data_state=DataState.NO_DATA, offset=0)


def _entries(stream: ByteStream, version: Version) -> tuple[dict[int, TocEntry], dict[int, int]]:
    # the count is never used to set memory aside: a wrong one meets the end of the bytes
    start, count = stream.position, stream.integer()
    if count < 0:
        raise IntegrityFailed("the archive claims a negative number of entries")
    entries: dict[int, TocEntry] = {}
    positions: dict[int, int] = {}
    for _ in range(count):
        entry, position = _entry(stream, version)
        if entry.dump_id in entries:
            raise IntegrityFailed(f"two entries of the archive have the id {entry.dump_id}")
        if stream.position - start > MAX_TOC_BYTES:
            # not damage: every byte of it was there, and pg_restore may have the memory
            raise Unsupported(
                f"the table of contents is longer than {MAX_TOC_BYTES} bytes",
                hint="Use pg_restore for this archive.",
            )
        entries[entry.dump_id], positions[entry.dump_id] = entry, position
    return entries, positions


def _header(stream: ByteStream) -> Header:
    if stream.take(len(MAGIC)) != MAGIC:
        raise IntegrityFailed("the file is no archive of pg_dump's custom format")
    version = (stream.byte(), stream.byte(), stream.byte())
    if not _OLDEST <= version <= _NEWEST:
        raise Unsupported(
            f"archives of version {version[0]}.{version[1]} cannot be read here",
            hint="Use a dump of pg_dump 12 to 18.",
        )
    if (stream.byte(), stream.byte()) != (_INTEGER_BYTES, _OFFSET_BYTES):
        raise IntegrityFailed("the archive has numbers of a size that pg_dump does not write")
    _require_custom(stream.byte())
    codec = _codec(stream, version)
    return Header(
        version=version,
        codec=codec,
        created_at=_created_at(stream),
        database=stream.text() or "",
        server_version=stream.text() or "",
        dump_version=stream.text() or "",
    )


def _require_custom(code: int) -> None:
    if code in _OTHER_FORMATS:
        raise Unsupported(
            f"this is the table of contents of format {_OTHER_FORMATS[code]}",
            hint="Use a dump of format custom.",
        )
    if code != _CUSTOM_FORMAT:
        raise IntegrityFailed("the archive has a format that pg_dump does not write")


def _codec(stream: ByteStream, version: Version) -> Codec:
    if version < _CODEC_BYTE_SINCE:
        return Codec.NONE if stream.integer() == 0 else Codec.GZIP
    code = stream.byte()
    if code == _LZ4:
        raise Unsupported(
            "archives compressed with lz4 cannot be read here",
            hint="Use pg_restore, or a dump compressed with gzip or zstd.",
        )
    if code not in _CODECS:
        raise IntegrityFailed("the archive has a codec that pg_dump does not write")
    return _CODECS[code]


def _created_at(stream: ByteStream) -> datetime:
    second, minute, hour, day, month, year, _ = (stream.integer() for _ in range(7))
    try:
        # a leap second is written as 60, which datetime does not have
        return datetime(  # noqa: DTZ001 - the archive does not say in which zone it was made
            year + _FIRST_YEAR, month + 1, day, hour, minute, min(second, 59)
        )
    except (ValueError, OverflowError) as error:
        raise IntegrityFailed("the archive's time of making is no time") from error


def _entry(stream: ByteStream, version: Version) -> tuple[TocEntry, int]:
    dump_id = stream.integer()
    if dump_id <= 0:
        raise IntegrityFailed(f"an entry of the archive has the id {dump_id}")
    has_data = _flag(stream)
    catalogue_oid, oid = _number(stream), _number(stream)
    tag, descriptor = stream.text() or "", stream.text() or ""
    section = _section(stream)
    definition, drop, copy = (stream.text() or "" for _ in range(3))
    namespace, tablespace, access_method = (stream.text() or "" for _ in range(3))
    relkind = _letter(stream) if version >= _RELKIND_SINCE else ""
    owner = stream.text() or ""
    stream.text()  # "true" for tables WITH OIDS, which no version since 12 has
    dependencies = _dependencies(stream)
    position = stream.position
    data_state, offset = _data_state(stream, has_data=has_data)
    entry = TocEntry(
        dump_id=dump_id,
        has_data=has_data,
        catalogue_oid=catalogue_oid,
        oid=oid,
        tag=tag,
        descriptor=descriptor,
        section=section,
        definition=definition,
        drop_statement=drop,
        copy_statement=copy,
        namespace=namespace,
        tablespace=tablespace,
        access_method=access_method,
        relkind=relkind,
        owner=owner,
        dependencies=dependencies,
        data_state=data_state,
        offset=offset,
    )
    return entry, position


def _flag(stream: ByteStream) -> bool:
    value = stream.integer()
    if value not in {0, 1}:
        raise IntegrityFailed(f"an entry of the archive has {value} where yes or no belongs")
    return value == 1


def _number(stream: ByteStream) -> int:
    return _parsed(stream.text())


def _parsed(text: str | None) -> int:
    # int() takes signs, blanks, underscores and other alphabets' digits too
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(_MAX_OID)):
        raise IntegrityFailed("an entry of the archive has no number where one belongs")
    number = int(text)
    if number > _MAX_OID:
        raise IntegrityFailed("a number of an entry is larger than any that pg_dump writes")
    return number


def _section(stream: ByteStream) -> Section:
    try:
        return Section(stream.integer())
    except ValueError as error:
        raise IntegrityFailed("an entry of the archive is in no section") from error


def _letter(stream: ByteStream) -> str:
    code = stream.integer()
    if not 0 <= code <= 0x7F:  # noqa: PLR2004 - the last ASCII code
        raise IntegrityFailed("an entry of the archive has no kind of relation")
    return chr(code) if code else ""


def _dependencies(stream: ByteStream) -> tuple[int, ...]:
    found: list[int] = []
    while (text := stream.text()) is not None:
        found.append(_parsed(text))
        if len(found) > MAX_DEPENDENCIES:
            raise IntegrityFailed("an entry of the archive depends on more than any we believe")
    return tuple(found)


def _data_state(stream: ByteStream, *, has_data: bool) -> tuple[DataState, int]:
    code = stream.byte()
    offset = int.from_bytes(stream.take(_OFFSET_BYTES), "little")
    try:
        state = DataState(code)
    except ValueError as error:
        raise IntegrityFailed("an entry of the archive has no data state") from error
    if has_data is (state is DataState.NO_DATA):
        raise IntegrityFailed("an entry of the archive has data and has none")
    return state, offset
