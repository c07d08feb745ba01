"""Which entries of a database's archive a project gets, and why the others stay behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.restore_ports import Entry
from chalicelib.supabase.restore.choice import World, choose, grantees, segments

WORLD = World(
    user="postgres",
    is_superuser=False,
    schemas=frozenset({"public", "auth", "extensions"}),
    roles={"postgres": True, "anon": True, "supabase_admin": False, "team": True},
    publications={"supabase_realtime": True, "foreign": False},
)
GRANT = "GRANT SELECT ON TABLE public.orders TO {};\n"


def entry(dump_id: int, kind: str, name: str = "orders", **fields: object) -> Entry:
    usual = Entry(dump_id, kind, "public", name, "postgres", "post-data")
    return replace(usual, **fields)  # type: ignore[arg-type] # the tests name fields that exist


def skipped(*entries: Entry, world: World = WORLD) -> dict[str, str]:
    return {note.what: note.message for note in choose(entries, world).skipped}


LEFT_OUT = [
    (entry(1, "EVENT TRIGGER", "watch", schema=""), "only a superuser may create an event trigger"),
    (entry(1, "FOREIGN DATA WRAPPER", "w"), "only a superuser may create a foreign data wrapper"),
    (entry(1, "SUBSCRIPTION", "s"), "it would begin to receive rows; create it by hand"),
    (entry(1, "TABLE", schema="auth"), "schema auth belongs to the platform"),
    (entry(1, "ACL", "SCHEMA storage", schema=""), "schema storage belongs to the platform"),
    (entry(1, "SCHEMA", "vault", schema=""), "schema vault belongs to the platform"),
    (entry(1, "PUBLICATION", "supabase_realtime_x"), "the platform makes it"),
    (
        entry(1, "PUBLICATION", "all", definition="CREATE PUBLICATION a FOR ALL TABLES;"),
        "only a superuser may publish all tables",
    ),
    (
        entry(1, "PUBLICATION TABLE", "foreign orders"),
        "publication foreign belongs to another role of the target",
    ),
    (
        entry(1, "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES", owner="supabase_admin"),
        "the defaults of supabase_admin are not ours to set",
    ),
    (
        entry(1, "ACL", "TABLE orders", definition=GRANT.format("nobody_here")),
        "the target does not have the role nobody_here",
    ),
]


@pytest.mark.parametrize(("left", "reason"), LEFT_OUT, ids=[e.kind for e, _ in LEFT_OUT])
def test_what_stays_behind_says_why(left: Entry, reason: str) -> None:
    assert list(skipped(left).values()) == [reason]


SILENT = [
    entry(1, "EXTENSION", "citext", schema=""),
    entry(1, "COMMENT", "EXTENSION citext", schema=""),
    entry(1, "SCHEMA", "public", schema=""),
    entry(1, "PUBLICATION", "supabase_realtime", schema=""),
    entry(1, "ENCODING", "ENCODING", schema=""),
]


@pytest.mark.parametrize("there", SILENT, ids=lambda e: f"{e.kind} {e.name}")
def test_what_the_target_has_already_is_no_loss(there: Entry) -> None:
    found = choose([there], WORLD)

    assert found.entries == ()
    assert found.skipped == ()


def test_what_needs_something_that_stays_behind_stays_with_it() -> None:
    wrapper = entry(1, "FOREIGN DATA WRAPPER", "w")
    server = entry(2, "SERVER", "s", needs=(1,))
    table = entry(3, "FOREIGN TABLE", "t", needs=(2,))

    found = choose([wrapper, server, table], WORLD)

    assert found.entries == ()
    assert found.skipped[2].message == "needs server public.s, which is not restored"


@pytest.mark.parametrize("kind", ["EXTENSION", "SCHEMA"])
def test_what_needs_something_made_ahead_is_restored(kind: str) -> None:
    ahead = entry(1, kind, "public", schema="")
    table = entry(2, "TABLE", needs=(1,), section="pre-data")

    assert choose([ahead, table], WORLD).before == (table,)


def test_a_member_of_a_publication_is_restored_although_the_publication_is_there() -> None:
    publication = entry(1, "PUBLICATION", "supabase_realtime", schema="")
    member = entry(2, "PUBLICATION TABLE", "supabase_realtime orders", needs=(1,))

    assert choose([publication, member], WORLD).after == (member,)


def test_each_entry_comes_at_its_stage() -> None:
    table = entry(1, "TABLE", section="pre-data")
    rows = entry(2, "TABLE DATA", section="data")
    position = entry(3, "SEQUENCE SET", section="data")
    blob = entry(4, "BLOB METADATA", "1", schema="", section="pre-data")
    index = entry(5, "INDEX", "i")
    rights = entry(6, "ACL", "TABLE orders", section="none", definition=GRANT.format("anon"))

    found = choose([table, rows, position, blob, index, rights], WORLD)

    assert (found.before, found.rows) == ((table,), (rows,))
    assert (found.positions, found.after) == ((position, blob), (index, rights))


def test_objects_of_a_role_nobody_may_act_as_come_without_their_owner() -> None:
    ours = entry(1, "TABLE", "a")
    theirs = entry(2, "TABLE", "b", owner="supabase_admin")
    attached = entry(3, "INDEX", "i", owner="supabase_admin")
    again = entry(4, "VIEW", "v", owner="team")

    found = segments([ours, theirs, attached, again], WORLD)

    assert [(s.dump_ids, s.no_owner) for s in found] == [
        ((1,), False),
        ((2, 3), True),
        ((4,), False),
    ]
    notes = choose([ours, theirs], WORLD).disowned
    assert [note.what for note in notes] == ["table public.b"]


def test_a_superuser_leaves_nothing_behind_for_want_of_rights() -> None:
    world = replace(WORLD, is_superuser=True)
    trigger = entry(1, "EVENT TRIGGER", "watch", schema="")

    assert skipped(trigger, world=world) == {}


@given(st.text(alphabet=st.characters(exclude_characters="\0\n;"), min_size=1, max_size=20))
def test_every_role_that_a_grant_names_is_found(role: str) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    rights = entry(1, "ACL", definition=GRANT.format(quoted) + GRANT.format("PUBLIC"))

    assert list(grantees(rights)) == ([] if role == "PUBLIC" else [role])
