"""The demo shows a short tree of any backup, and names a table as the API takes it."""

from __future__ import annotations

import pytest

from chalicelib.domain.contents import ArchiveContents, ObjectInside, SchemaInside, SizesFrom
from chalicelib.local.demo_inside import SCHEMAS_SHOWN, largest_table, tree


def table(name: str, stored_bytes: int | None = 2000) -> ObjectInside:
    return ObjectInside(kind="TABLE", name=name, stored_bytes=stored_bytes)


def inside(*schemas: SchemaInside) -> ArchiveContents:
    return ArchiveContents(
        database="shop",
        server_version="18.6",
        dump_version="18.6",
        compression="gzip",
        entries=7,
        stored_bytes=90_000,
        sizes_from=SizesFrom.MANIFEST,
        schemas=schemas,
        read_bytes=3000,
    )


def test_the_largest_tables_of_a_schema_are_named_and_the_rest_counted() -> None:
    tables = tuple(table(f"t{number}", number * 1000) for number in range(6))

    shown = tree(inside(SchemaInside(name="shop", objects=tables)))

    assert shown[0] == "inside are 7 things, known from 3 kB of 90"
    assert shown[1:] == ["  shop: t5 5 kB, t4 4 kB, t3 3 kB, 3 other things"]


def test_what_belongs_to_no_schema_is_left_out_and_many_schemas_are_counted() -> None:
    names = ["", *(f"s{number:02}" for number in range(SCHEMAS_SHOWN + 2))]

    shown = tree(inside(*(SchemaInside(name=name, objects=()) for name in names)))

    assert len(shown) == SCHEMAS_SHOWN + 2
    assert shown[-1] == "  and 2 more schemas"


@pytest.mark.parametrize(
    ("objects", "name"),
    [
        ((table("a", 1), table('b"c', 2)), '"s"."b""c"'),
        ((table("unknown", None),), None),
        ((ObjectInside(kind="VIEW", name="v", stored_bytes=5),), None),
        ((), None),
    ],
)
def test_the_largest_table_is_named_with_quotes(
    objects: tuple[ObjectInside, ...], name: str | None
) -> None:
    assert largest_table(inside(SchemaInside(name="s", objects=objects))) == name
