"""Foreign keys to rows that a restore leaves out are known before it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.backup import Component, Compression, Format, SourceCounts, TableCount
from chalicelib.postgres_ports import RestoreFile, RestoreSource
from chalicelib.restore_ports import Entry
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.catalogue import Catalogue
from chalicelib.supabase.restore.choice import Choice, World
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.references import Dangling, dangling

KEY = (
    "ALTER TABLE ONLY public.profiles\n    ADD CONSTRAINT profiles_id_fkey FOREIGN KEY (id)"
    " REFERENCES auth.users(id);\n"
)
NULLABLE = "CREATE TABLE public.profiles (\n    id uuid,\n    handle text NOT NULL\n);\n"
REQUIRED = NULLABLE.replace("id uuid", "id uuid NOT NULL")
TOLD = (
    "constraint profiles_id_fkey of table public.profiles refers to auth.users,"
    " whose rows are left out"
)


def found(
    *components: Component,
    table: str = REQUIRED,
    key: str = KEY,
    rows: int = 3,
    filled: frozenset[str] = frozenset(),
) -> list[Dangling]:
    counts = SourceCounts(tables=(TableCount(schema_name="public", table="profiles", rows=rows),))
    nothing = RestoreFile(lambda: iter(()))
    source = RestoreSource(
        nothing, None, None, Format.CUSTOM, Compression.NONE, None, None, counts, is_ours=True
    )
    made = Entry(1, "TABLE", "public", "profiles", "postgres", "pre-data", table)
    constraint = replace(made, dump_id=2, kind="FK CONSTRAINT", definition=key)
    choice = Choice((made,), (), (), (constraint,), (), ())
    backup = HeldBackup(source, frozenset(components), Catalogue(), {})
    return list(dangling(facts(filled), backup, choice))


def facts(filled: frozenset[str]) -> ProjectFacts:
    world = World("postgres", is_superuser=False, schemas=frozenset(), roles={}, publications={})
    return ProjectFacts(
        server_version="17.6",
        client_version="17.6",
        world=world,
        objects=frozenset(),
        extensions=frozenset(),
        rooms={},
        filled=filled,
        defaults=(),
        refuses_replica=None,
        has_cron=True,
    )


def test_rows_that_must_refer_to_rows_left_out_are_refused() -> None:
    (one,) = found(Component.DATABASE)

    assert str(one) == TOLD
    assert one.problem is not None
    assert one.problem.message == TOLD
    assert "the component auth" in one.problem.hint


@pytest.mark.parametrize(
    ("table", "filled"),
    [(NULLABLE, frozenset[str]()), (REQUIRED, frozenset({"auth.users"})), ("", frozenset[str]())],
    ids=["may be NULL", "the target has users", "unknown definition"],
)
def test_what_may_come_out_well_is_told_and_not_refused(table: str, filled: frozenset[str]) -> None:
    (one,) = found(Component.DATABASE, table=table, filled=filled)

    assert str(one) == TOLD
    assert one.problem is None


@pytest.mark.parametrize(
    ("components", "key", "rows"),
    [
        ((Component.DATABASE, Component.AUTH), KEY, 3),
        ((Component.STORAGE,), KEY, 3),
        ((Component.DATABASE,), KEY, 0),
        ((Component.DATABASE,), KEY.replace(");\n", ") NOT VALID;\n"), 3),
        ((Component.DATABASE,), KEY.replace("auth.", "public."), 3),
    ],
    ids=["auth comes", "no tables come", "no rows", "nothing is checked", "another schema"],
)
def test_whatever_finds_its_rows_is_not_told(
    components: tuple[Component, ...], key: str, rows: int
) -> None:
    assert found(*components, key=key, rows=rows) == []
