"""Archives of real servers and their own clients are read as the server wrote them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.block_digest import BlockDigest, LargeObjectSum, object_hash
from chalicelib.domain.connection import Connection
from chalicelib.domain.contents import RowsWanted, SizesFrom, TableRows
from chalicelib.engine.archive import inside
from chalicelib.engine.archive.digests import ArchiveDigests, digest_archive
from chalicelib.engine.archive.ranges import FileRanges
from chalicelib.engine.archive.toc import Codec
from chalicelib.local.postgres import LocalPostgres
from tests.support.archives import pieces
from tests.support.dumping import Bystander, Dumper, client_environment, connected, execute

pytestmark = pytest.mark.postgres

ODD = (
    'CREATE TABLE "odd "" name" ("a b" text, "c,d" int, "e""f" text)',
    r"""INSERT INTO "odd "" name" VALUES (E'\\.', 1, NULL), (E'x\ty\n', 2, '')""",
    "CREATE TABLE no_columns ()",
    "INSERT INTO no_columns DEFAULT VALUES",
    "CREATE TABLE made (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int)",
    "INSERT INTO made (a, c) SELECT g, g FROM generate_series(1, 7) g",
    "ALTER TABLE made DROP COLUMN c",
    "SELECT lo_from_bytea(0, ''), lo_from_bytea(4000000000, decode(repeat('ab', 99999), 'hex'))",
)

Dump = Callable[..., bytes]


@pytest.fixture
def dump(server: LocalPostgres, source: Connection) -> Dump:
    """Dump with the server's own pg_dump: into a file, which knows offsets, or into a pipe."""
    execute(source, *ODD)

    def run(*options: str, into: Path | None = None) -> bytes:
        argv = [str(server.bin_dir / "pg_dump"), "--format=custom", *options]
        if into is not None:
            argv.append(f"--file={into}")
        done = subprocess.run(argv, env=client_environment(source), capture_output=True, check=True)
        return into.read_bytes() if into else done.stdout

    return run


@pytest.mark.parametrize(("level", "codec"), [("0", Codec.NONE), ("1", Codec.GZIP)])
def test_every_table_has_the_digest_of_what_copy_sends(
    dump: Dump, source: Connection, level: str, codec: Codec
) -> None:
    found = read(dump(f"--compress={level}"))

    tables = [one for one in found.blocks if not one.is_large_objects]
    assert found.toc.header.codec is codec
    assert {one.name for one in tables} >= {"people", 'odd " name', "no_columns", "made"}
    assert {one.name: facts(one) for one in tables} == {
        one.name: sent_by_copy(source, found, one) for one in tables
    }


def test_large_objects_have_the_sum_of_what_the_server_holds(
    dump: Dump, source: Connection
) -> None:
    found = [one for one in read(dump()).blocks if one.is_large_objects]

    total = LargeObjectSum()
    for oid, data in large_objects(source):
        sha256 = object_hash(oid)
        sha256.update(data)
        total.add(len(data), sha256.digest())
    assert [(one.rows, one.raw_bytes, one.sha256) for one in found] == [
        (4, total.raw_bytes, total.sha256)
    ]


def test_a_file_knows_its_offsets_and_a_pipe_does_not(dump: Dump, tmp_path: Path) -> None:
    filed, piped = read(dump(into=tmp_path / "a.dump")), read(dump())

    assert (filed.toc.is_located, piped.toc.is_located) == (True, False)
    assert [one.offset for one in filed.blocks] == [one.offset for one in piped.blocks]


@pytest.mark.parametrize("level", ["0", "1"])
def test_a_dump_redirected_into_a_file_is_whole(
    dump: Dump, server: LocalPostgres, source: Connection, tmp_path: Path, level: str
) -> None:
    path = tmp_path / "a.dump"
    argv = [str(server.bin_dir / "pg_dump"), "--format=custom", f"--compress={level}"]

    with path.open("wb") as file:
        subprocess.run(argv, env=client_environment(source), stdout=file, check=True)

    into_a_pipe = read(dump(f"--compress={level}"))
    assert known(read(path.read_bytes())) == known(into_a_pipe)


@pytest.mark.parametrize(
    "options",
    [
        ["--section=pre-data"],
        ["--section=data"],
        ["--section=post-data"],
        ["--section=pre-data", "--section=data"],
        ["--data-only"],
        ["--exclude-table-data=people"],
        ["--table=people"],
        ["--no-blobs"],
        ["--schema-only", "--blobs"],
        ["--load-via-partition-root"],
        ["--no-owner", "--no-privileges", "--encoding=LATIN1"],
    ],
)
def test_whatever_part_is_dumped_is_a_whole_archive(dump: Dump, options: list[str]) -> None:
    found = read(dump(*options))

    assert len(found.blocks) == len(found.toc.with_data)


def test_rows_as_inserts_are_read_as_text(dump: Dump) -> None:
    found = {one.name: one for one in read(dump("--inserts")).blocks}

    assert (found["people"].rows, found["people"].raw_bytes > 200_000) == (None, True)


@pytest.mark.parametrize("level", ["0", "1", "6"])
def test_rows_are_what_the_server_would_select(
    dump: Dump, source: Connection, tmp_path: Path, level: str
) -> None:
    path = tmp_path / "a.dump"
    dump(f"--compress={level}", into=path)

    people = shown(path, "public.people", 40)

    assert people.columns == ("id", "name", "born", "score")
    assert people.rows == selected(source, "people", 40)
    assert shown(path, 'public."odd "" name"', 9).rows == selected(source, '"odd "" name"', 9)
    assert shown(path, "public.no_columns", 9).rows == ((),)
    assert shown(path, "public.made", 9).columns == ("a",)


def test_a_dump_into_a_pipe_is_looked_into_with_what_its_check_found(
    dump: Dump, dumper: Dumper, tmp_path: Path
) -> None:
    path = tmp_path / "a.dump"
    path.write_bytes(dump("--compress=1"))

    report = dumper.engine.check(
        Format.CUSTOM, Compression.GZIP, pieces(path.read_bytes(), 1 << 16), Bystander()
    )

    found = dumper.engine.contents(FileRanges(path), report.blocks, Bystander())
    people = next(o for o in found.schemas[0].objects if o.name == "people")
    wanted = RowsWanted("public.parted_s", 100)
    rows = dumper.engine.rows(FileRanges(path), report.blocks, wanted, Bystander())
    assert (people.rows, found.sizes_from) == (3000, SizesFrom.MANIFEST)
    assert (len(rows.rows), rows.is_all) == (60, True)


def test_a_dump_of_the_schema_has_no_blocks(dump: Dump) -> None:
    found = read(dump("--schema-only"))

    assert (found.blocks, found.raw_bytes) == ((), 0)
    assert "people" in {entry.tag for entry in found.toc.entries}


def shown(path: Path, table: str, limit: int) -> TableRows:
    return inside.rows(FileRanges(path), (), RowsWanted(table, limit), lambda: None)


def selected(source: Connection, table: str, limit: int) -> tuple[tuple[str | None, ...], ...]:
    with connected(source) as session:
        query = f"SELECT ({table}).* FROM ONLY {table} LIMIT {limit}"  # noqa: S608 - ours
        found = session.execute(query.encode()).fetchall()
    return tuple(tuple(None if v is None else str(v) for v in row) for row in found)


def read(data: bytes) -> ArchiveDigests:
    return digest_archive(pieces(data, 1 << 20))


def known(found: ArchiveDigests) -> list[tuple[str, str]]:
    return [(one.name, one.sha256) for one in found.blocks]


def facts(block: BlockDigest) -> tuple[int | None, int, str]:
    return block.rows, block.raw_bytes, block.sha256


def sent_by_copy(
    source: Connection, found: ArchiveDigests, block: BlockDigest
) -> tuple[int | None, int, str]:
    statement = found.toc.by_id[block.dump_id].copy_statement
    with connected(source) as session, session.cursor() as cursor:
        asked = statement.replace("FROM stdin;", "TO STDOUT")
        with cursor.copy(asked.encode()) as copy:
            text = b"".join(bytes(piece) for piece in copy)
    return text.count(b"\n"), len(text), hashlib.sha256(text).hexdigest()


def large_objects(source: Connection) -> list[tuple[int, bytes]]:
    with connected(source) as session:
        query = sql.SQL("SELECT oid, lo_get(oid) FROM pg_largeobject_metadata")
        return [(int(str(oid)), data_of(data)) for oid, data in session.execute(query)]


def data_of(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
