"""Contents and rows come out of few bytes, whatever the archive knows about its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.contents import (
    MAX_RESULT_BYTES,
    ArchiveContents,
    ObjectInside,
    RowsWanted,
    SchemaInside,
    SizesFrom,
    TableRows,
)
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest, NotFound, Unsupported
from chalicelib.engine.archive import inside
from chalicelib.engine.archive.copy_text import MAX_COLUMNS, MAX_VALUE_BYTES, columns_of, rows
from chalicelib.engine.archive.digests import digest_archive
from chalicelib.engine.archive.ranges import FileRanges
from chalicelib.engine.archive.toc import Codec
from tests.support.archives import V14, V16, Entry, Made, Writer, small_archive

GIB = 1 << 30
TABLES = (
    Entry(1, "sales", "SCHEMA", ""),
    Entry(2, "plpgsql", "EXTENSION", ""),
    Entry(3, "people", "TABLE"),
    Entry(4, "people_pkey", "CONSTRAINT"),
    Entry(5, "TABLE people", "COMMENT"),
    Entry(6, "orders", "TABLE", "sales"),
    Entry(10, rows=b"1\tann\n2\t\\N\n"),
    Entry(11, "orders", namespace="sales", columns="(n)", rows=b"7\n" * 900),
    Entry(12, "BLOBS", "BLOBS", "", large_objects={7: b"seven" * 50}),
)


@dataclass
class CountedRanges:
    """Bytes in memory, possibly with gigabytes of nothing behind them, that count every read."""

    data: bytes
    nothing_bytes: int = 0
    read_bytes: int = field(default=0, init=False)

    @property
    def size_bytes(self) -> int:
        return len(self.data) + self.nothing_bytes

    def read(self, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, 1 << 16):
            upto = min(at + (1 << 16), end)
            piece = self.data[at:upto].ljust(upto - at, b"\0")
            self.read_bytes += len(piece)
            yield piece


def contents(made: Made, blocks: tuple[BlockDigest, ...] = ()) -> ArchiveContents:
    return inside.contents(CountedRanges(made.data), blocks, lambda: None)


def first_rows(
    made: Made, table: str, limit: int = 10, blocks: tuple[BlockDigest, ...] = ()
) -> TableRows:
    return inside.rows(CountedRanges(made.data), blocks, RowsWanted(table, limit), lambda: None)


def blocks_of(made: Made) -> tuple[BlockDigest, ...]:
    return digest_archive(made.chunks(1 << 16)).blocks


def table(found: ArchiveContents, schema: str, name: str) -> ObjectInside:
    objects = next(one.objects for one in found.schemas if one.name == schema)
    return next(one for one in objects if one.name == name)


def test_contents_are_a_tree_of_schemas_and_objects() -> None:
    found = contents(Writer().archive(*TABLES))

    tree = {one.name: [(o.kind, o.name) for o in one.objects] for one in found.schemas}
    assert tree == {
        "": [("EXTENSION", "plpgsql")],
        "public": [("TABLE", "people"), ("CONSTRAINT", "people_pkey")],
        "sales": [("TABLE", "orders")],
    }


def test_sizes_come_from_offsets_where_the_archive_has_them() -> None:
    made = Writer().archive(*TABLES)

    found = contents(made)

    assert found.sizes_from is SizesFrom.OFFSETS
    assert table(found, "public", "people").stored_bytes == made.offsets[11] - made.offsets[10]
    assert found.large_objects is not None
    assert found.large_objects.stored_bytes == len(made.data) - made.offsets[12]


def test_sizes_and_rows_come_from_the_manifest_where_it_has_them() -> None:
    made = Writer(located=False).archive(*TABLES)

    found = contents(made, blocks_of(made))

    orders = table(found, "sales", "orders")
    assert (found.sizes_from, orders.rows, orders.raw_bytes) == (SizesFrom.MANIFEST, 900, 1800)
    assert found.large_objects is not None
    assert (found.large_objects.count, found.large_objects.raw_bytes) == (1, 250)


def test_without_either_sizes_are_unknown() -> None:
    found = contents(Writer(located=False).archive(*TABLES))

    assert found.sizes_from is SizesFrom.NOWHERE
    assert table(found, "public", "people").stored_bytes is None


def test_a_dump_of_the_data_alone_lists_its_tables() -> None:
    found = contents(Writer().archive(Entry(10, rows=b"1\tann\n")))

    assert [(o.kind, o.name) for o in found.schemas[0].objects] == [("TABLE", "people")]


def test_names_are_shown_in_the_encoding_of_the_archive() -> None:
    latin = Entry(1, "ENCODING", "ENCODING", "", definition="SET client_encoding = 'LATIN1';\n")
    name = b"M\xe4rz".decode("utf-8", "surrogateescape")

    made = Writer().archive(latin, Entry(10, name, columns="(id)", rows=b"\xe4\n"))

    assert contents(made).schemas[0].objects[0].name == "März"
    assert blocks_of(made)[0].name == "März"
    assert first_rows(made, "public.März").rows == (("ä",),)


def test_contents_of_gigabytes_take_few_bytes() -> None:
    entries = [Entry(n, f"table_{n}", rows=b"1\tann\n") for n in range(1, 3000)]
    made = Writer().archive(*entries)
    source = CountedRanges(made.data[: made.toc_bytes], 6 * GIB)

    found = inside.contents(source, (), lambda: None)

    assert (len(found.schemas[0].objects), found.stored_bytes > 6 * GIB) == (2999, True)
    assert found.read_bytes == source.read_bytes <= max(2 * made.toc_bytes, 1 << 20)


@pytest.mark.parametrize("writer", [Writer(V14), Writer(V16, Codec.ZSTD), Writer(codec=Codec.NONE)])
def test_rows_are_decoded(writer: Writer) -> None:
    found = first_rows(small_archive(writer), "public.people")

    assert found.columns == ("id", "name")
    assert found.rows == (("1", "ann"), ("2", None), ("3", "two\nlines"))
    assert (found.is_all, found.is_cut, found.cut_values) == (True, False, 0)


@pytest.mark.parametrize(("limit", "is_all"), [(1, False), (2, False), (3, True), (4, True)])
def test_no_more_rows_are_shown_than_wanted(limit: int, *, is_all: bool) -> None:
    found = first_rows(small_archive(), "public.people", limit)

    assert (len(found.rows), found.is_all, found.is_cut) == (min(limit, 3), is_all, False)


@pytest.mark.parametrize("located", [True, False])
def test_rows_of_a_located_table_leave_the_others_unread(*, located: bool) -> None:
    # bytes that do not compress, so that skipping them is seen
    first = Entry(10, "first", rows=(bytes(range(11, 91)) + b"\n") * 40_000)
    writer = Writer(codec=Codec.NONE, located=located)
    made = writer.archive(first, Entry(11, columns="(id)", rows=b"1\n"))
    source = CountedRanges(made.data)

    found = inside.rows(source, blocks_of(made), RowsWanted("public.people", 5), lambda: None)

    assert found.rows == (("1",),)
    assert found.read_bytes == source.read_bytes < 1 << 19


def test_without_a_place_what_lies_before_is_read_over() -> None:
    made = Writer(located=False).archive(*TABLES)

    found = first_rows(made, "sales.orders", 2)

    assert (found.rows, found.is_all) == ((("7",), ("7",)), False)


def test_several_entries_of_one_table_are_one_table() -> None:
    made = Writer().archive(Entry(10, rows=b"1\ta\n"), Entry(11, rows=b"2\tb\n"))

    assert first_rows(made, "public.people").rows == (("1", "a"), ("2", "b"))


@pytest.mark.parametrize("name", ["public.a.b", 'public."a.b"', '"public"."a.b"', '"public".a.b'])
def test_a_table_is_named_plainly_or_in_quotes(name: str) -> None:
    made = Writer().archive(Entry(10, "a.b", columns="(x)", rows=b"1\n"))

    assert first_rows(made, name).rows == (("1",),)


@pytest.mark.parametrize("name", ["people", "public.nobody", "", "public."])
def test_a_table_that_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        first_rows(small_archive(), name)


def test_a_name_that_fits_two_tables_is_refused_until_it_is_quoted() -> None:
    made = Writer().archive(
        Entry(10, "b.c", namespace="a", columns="(x)", rows=b"1\n"),
        Entry(11, "c", namespace="a.b", columns="(x)", rows=b"2\n"),
    )

    with pytest.raises(InvalidRequest, match="several"):
        first_rows(made, "a.b.c")


def test_insert_statements_are_unsupported() -> None:
    made = Writer().archive(Entry(columns=None, rows=b"INSERT INTO people VALUES (1);\n"))

    with pytest.raises(Unsupported, match="INSERT"):
        first_rows(made, "public.people")


def test_a_long_value_is_cut_and_counted() -> None:
    value = b"x" * (MAX_VALUE_BYTES - 1) + b"\\\\" + b"y" * 9
    made = Writer().archive(Entry(columns="(a, b)", rows=value + b"\tshort\n"))

    found = first_rows(made, "public.people")

    assert found.rows == (("x" * (MAX_VALUE_BYTES - 1), "short"),)
    assert found.cut_values == 1


def test_rows_stop_where_the_answer_is_full() -> None:
    made = Writer().archive(Entry(columns="(a)", rows=(b"\xc3\xa4" * 2000 + b"\n") * 300))

    found = first_rows(made, "public.people", 300)

    assert (found.is_cut, found.is_all) == (True, False)
    assert 0 < len(found.model_dump_json(ensure_ascii=True)) < MAX_RESULT_BYTES + 1000


@settings(max_examples=300)
@given(
    st.sampled_from([Writer(), Writer(V14, Codec.NONE), Writer(codec=Codec.ZSTD, located=False)]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
def test_whatever_is_damaged_nothing_but_our_errors_comes(
    writer: Writer, damage: list[tuple[float, int]]
) -> None:
    made = small_archive(writer)
    data = bytearray(made.data)
    for part, value in damage:
        data[int(part * len(data))] = value

    with suppress(IntegrityFailed, Unsupported, NotFound, InvalidRequest):
        assert contents(Made(bytes(data), 0, {})).model_dump_json()
        assert first_rows(Made(bytes(data), 0, {}), "public.people").model_dump_json()


def test_a_place_that_is_wrong_is_integrity_failed() -> None:
    made = Writer(located=False).archive(*TABLES)
    wrong = tuple(one.model_copy(update={"offset": one.offset + 1}) for one in blocks_of(made))

    with pytest.raises(IntegrityFailed):
        first_rows(made, "public.people", 5, wrong)


def test_a_place_behind_the_end_is_integrity_failed() -> None:
    made = Writer().archive(*TABLES)

    with pytest.raises(IntegrityFailed):
        first_rows(Made(made.data[: made.toc_bytes], 0, {}), "public.people")


def test_a_file_is_read_by_ranges(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_bytes(small_archive().data)

    found = inside.contents(FileRanges(path), (), lambda: None)

    assert (found.database, found.stored_bytes) == ("shop", path.stat().st_size)


def test_a_file_that_shrinks_while_it_is_read_is_integrity_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_bytes(small_archive().data)

    def shrink() -> None:
        path.write_bytes(b"PGDMP")

    with pytest.raises(IntegrityFailed, match="not there"):
        inside.contents(FileRanges(path), (), shrink)


def test_a_file_that_is_not_there_is_an_invalid_request(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        inside.contents(FileRanges(tmp_path / "none"), (), lambda: None)


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("COPY public.people (id, name) FROM stdin;\n", ("id", "name")),
        ('COPY public."odd "" name" ("a b", "c,d", "e""f") FROM stdin;\n', ("a b", "c,d", 'e"f')),
        ("COPY public.nothing  FROM stdin;\n", ()),
        ('COPY "a.b"."c (d)" ("x) FROM stdin;") FROM stdin;\n', ("x) FROM stdin;",)),
    ],
)
def test_columns_are_those_of_the_statement(statement: str, columns: tuple[str, ...]) -> None:
    assert columns_of(statement) == columns


@pytest.mark.parametrize(
    "statement", ["", "COPY x", "COPY a.b (c d) FROM stdin;\n", "COPY a.b (c,) FROM stdin;\n"]
)
def test_another_statement_is_integrity_failed(statement: str) -> None:
    with pytest.raises(IntegrityFailed):
        columns_of(statement)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb"\N", None),
        (rb"\\N", "\\N"),
        (rb"a\tb\nc\rd", "a\tb\nc\rd"),
        (rb"\b\f\v", "\b\f\v"),
        (rb"\\.", "\\."),
        (rb"\\\\n", "\\\\n"),
        (b"", ""),
        (b"\xff", "\ufffd"),
    ],
)
def test_values_are_unescaped(text: bytes, value: str | None) -> None:
    found = list(rows(iter([text + b"\n\\.\n\n\n"]), 1, "utf-8"))

    assert [row.values for row in found] == [(value,)]


def test_rows_without_columns_are_empty_lines() -> None:
    found = list(rows(iter([b"\n\n\\.\n\n\n"]), 0, "utf-8"))

    assert [row.values for row in found] == [(), ()]


@pytest.mark.parametrize("text", [b"1\n", b"1\t2\n\\.\n", b"\t" * MAX_COLUMNS, b""])
def test_rows_that_do_not_fit_are_integrity_failed(text: bytes) -> None:
    with pytest.raises(IntegrityFailed):
        list(rows(iter([text]), 1, "utf-8"))


def test_contents_that_do_not_fit_keep_the_largest_tables() -> None:
    objects = tuple(ObjectInside(kind="TABLE", name=f"t{n}", stored_bytes=n) for n in range(3000))
    found = contents(small_archive()).model_copy(
        update={"schemas": (SchemaInside(name="public", objects=objects),)}
    )

    fitted = found.fitted(50_000)

    kept = fitted.schemas[0].objects
    assert len(fitted.model_dump_json()) <= 50_000
    assert (fitted.left_out, kept[-1].name) == (3000 - len(kept), "t2999")


def test_names_of_any_script_fit() -> None:
    objects = tuple(ObjectInside(kind="TABLE", name="\u8868" * 60) for _ in range(300))
    found = contents(small_archive()).model_copy(
        update={"schemas": (SchemaInside(name="\u8868", objects=objects),)}
    )

    assert len(found.fitted(50_000).model_dump_json(ensure_ascii=True)) <= 50_000


def test_contents_that_fit_stay_as_they_are() -> None:
    found = contents(small_archive())

    assert found.fitted(MAX_RESULT_BYTES) == found
