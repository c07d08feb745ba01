"""Archives of one snapshot are restored so that whatever refers to something finds it there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.backup import BackupType
from chalicelib.domain.facts import DatabaseFacts, LocaleFact, SequenceFact
from chalicelib.domain.proof import Contents, compare
from chalicelib.engine.archive.toc import DataState, Section, TocEntry
from chalicelib.engine.proof.lacking import NOTHING, Lacking, Listed, lacking
from chalicelib.engine.proof.layers import stretches

BEFORE, ROWS, AFTER, ALONG = Section.PRE_DATA, Section.DATA, Section.POST_DATA, Section.NONE


def entry(dump_id: int, descriptor: str, tag: str = "x", **said: object) -> TocEntry:
    made = TocEntry(
        dump_id=dump_id,
        has_data=descriptor == "TABLE DATA",
        catalogue_oid=0,
        oid=0,
        tag=tag,
        descriptor=descriptor,
        section=BEFORE,
        definition="",
        drop_statement="",
        copy_statement="",
        namespace="",
        tablespace="",
        access_method="",
        relkind="",
        owner="ann",
        dependencies=(),
        data_state=DataState.NO_DATA,
        offset=0,
    )
    return replace(made, **said)  # type: ignore[arg-type]  # the names are the caller's


def archive(name: str, kind: BackupType, *entries: TocEntry) -> Listed:
    return Listed(name, kind, entries)


MAIN = archive(
    "main",
    BackupType.FULL,
    entry(1, "SCHEMA", "app"),
    entry(2, "ACL", "SCHEMA app", section=ALONG),
    entry(3, "EXTENSION", "citext", definition="CREATE EXTENSION citext WITH SCHEMA tools;"),
    entry(4, "COMMENT", "EXTENSION citext", section=ALONG, dependencies=(3,)),
    entry(5, "TABLE", "t", namespace="app"),
    entry(6, "TABLE DATA", "t", namespace="app", section=ROWS),
    entry(7, "FK CONSTRAINT", "t_fk", namespace="app", section=AFTER),
    entry(
        8,
        "EVENT TRIGGER",
        "watch",
        section=AFTER,
        definition="CREATE EVENT TRIGGER watch ON sql_drop\n   EXECUTE FUNCTION tools.watch();",
    ),
)
DEFINED = archive(
    "defined",
    BackupType.SCHEMA,
    entry(1, "SCHEMA", "auth"),
    entry(2, "TABLE", "users", namespace="auth"),
    entry(3, "TABLE", "visits", namespace="auth"),
    entry(4, "SEQUENCE", "visits_id_seq", namespace="auth"),
    entry(5, "TRIGGER", "users on_new", namespace="auth", section=AFTER),
)
FILLED = archive(
    "filled", BackupType.DATA, entry(9, "TABLE DATA", "users", namespace="auth", section=ROWS)
)
PARTS = (DEFINED, FILLED)


FACTS = DatabaseFacts(
    major=18,
    database_bytes=1,
    locale=LocaleFact(encoding="UTF8", provider="libc", collate="C", ctype="C"),
    text_settings={},
    definitions={"schema": dict.fromkeys(("app", "auth", "tools", "cron"), "a")},
    unknown={"publication news": "a table of it is in no archive"},
)


def found(missing: frozenset[str] = frozenset()) -> Lacking:
    return lacking([MAIN], PARTS, FACTS, missing)


def test_every_layer_takes_the_parts_before_the_main_archive_and_its_rows_once() -> None:
    layers = stretches([MAIN], PARTS, NOTHING)

    assert [(one.name, one.ids) for one in layers] == [
        ("main", (1, 3)),
        ("defined", (1, 2, 3, 4)),
        ("main", (2, 4, 5)),
        ("filled", (9,)),
        ("defined", (5,)),
        ("main", (6, 7, 8)),
    ]
    assert [one.name for one in layers if one.is_whole] == ["filled", "main"]


def test_what_comes_after_the_rows_of_a_data_dump_is_in_its_schema_dump() -> None:
    rows = archive("rows", BackupType.DATA, MAIN.entries[5])
    schema = archive("schema", BackupType.SCHEMA, *MAIN.entries[:5], *MAIN.entries[6:])

    layers = stretches([rows, schema], (), NOTHING)

    assert [one.name for one in layers] == ["schema", "schema", "rows", "schema"]
    assert layers[-1].ids == (7, 8)


def test_what_the_server_lacks_is_left_out_with_all_that_is_said_about_it() -> None:
    layers = stretches([MAIN], (), found(frozenset({"citext"})))

    left = {dump_id for one in layers for dump_id in one.ids}
    assert left == {1, 2, 5, 6, 7}


def test_schemas_that_no_archive_holds_and_rows_that_none_brings_are_gaps() -> None:
    gaps = {gap.what for gap in found(frozenset({"citext"})).gaps()}

    assert gaps == {
        "extension citext",
        "everything in schema cron",
        "everything in schema tools",
        "event trigger watch",
        "rows of table auth.visits",
        "sequence auth.visits_id_seq",
    }


def test_rows_that_the_main_archive_should_have_are_no_gap() -> None:
    without_rows = replace(MAIN, entries=MAIN.entries[:5])

    assert "app.t" not in lacking([without_rows], PARTS, FACTS, frozenset()).tables


GAPS = [
    Contents(rows={"cron.job": 1}),
    Contents(row_sums={"tools.t": "1"}),
    Contents(sequences={"auth.visits_id_seq": SequenceFact(last_value=1, is_called=True)}),
    Contents(definitions={"schema": {"tools": "a"}}),
    Contents(definitions={"extension": {"citext": "a"}}),
    Contents(definitions={"event trigger": {"watch": "a"}}),
    Contents(definitions={"default privileges": {"ann on r in cron": "a"}}),
    Contents(definitions={"function": {"tools.watch()": "a"}}),
    Contents(definitions={"publication": {"news": "a"}}),
]


@pytest.mark.parametrize("contents", GAPS)
def test_gaps_are_not_compared(contents: Contents) -> None:
    without = found(frozenset({"citext"}))
    nothing = Contents(rows={}, row_sums={}, sequences={}, definitions={})

    expected, copy = without.narrowed(contents), without.narrowed(nothing)

    assert compare(expected, copy) == ()


def test_rows_of_a_table_that_is_only_defined_are_ignored() -> None:
    without = found()
    source = Contents(rows={"auth.users": 2})
    copy = Contents(rows={"auth.users": 2, "auth.visits": 0})

    assert compare(without.narrowed(source), without.narrowed(copy)) == ()


def test_anything_else_is_compared() -> None:
    without = found()
    source = Contents(rows={"app.t": 1}, definitions={"relation": {"toolshed.t": "a"}})
    copy = Contents(rows={"app.t": 2}, definitions={"relation": {}})

    differences = compare(without.narrowed(source), without.narrowed(copy))

    assert [one.what for one in differences] == ["rows of table app.t", "relation toolshed.t"]
