"""Pure decisions of a restore: what is ignored, what is advised, which client, which names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.backup import Compression
from chalicelib.domain.connection import SslMode
from chalicelib.domain.errors import InvalidRequest, TlsFailed, VersionUnsupported
from chalicelib.domain.restore import RestoreOptions, Selection
from chalicelib.engine.archive.toc import DataState, Section, TocEntry
from chalicelib.engine.choice import FloorPolicy
from chalicelib.engine.clients import Client
from chalicelib.engine.restore.arguments import Stage, restore_arguments, script_arguments
from chalicelib.engine.restore.client import Wish, choose_client, must_be_sound
from chalicelib.engine.restore.facts import TargetFacts, Thing
from chalicelib.engine.restore.messages import (
    MADE_BEFORE,
    NO_ADVICE,
    Findings,
    Listener,
    advice,
    ignorable,
)
from chalicelib.engine.restore.preflight import Plan, judge
from chalicelib.engine.restore.selection import Chosen, parse_name
from chalicelib.engine.versions import parse


def client(version: str, *, tls: bool = True, zstd: bool = True) -> Client:
    return Client(Path("/clients") / version, parse(version), tls, zstd)


def wish(**changes: Any) -> Wish:
    fields = {
        "server": parse("17.2"),
        "restore_needs": "16",
        "sslmode": SslMode.PREFER,
        "compression": Compression.GZIP,
        "must_be_sound": False,
        **changes,
    }
    return Wish(**fields)


def entry(**changes: Any) -> TocEntry:
    fields = {
        "dump_id": 1,
        "has_data": False,
        "catalogue_oid": 0,
        "oid": 0,
        "tag": "orders",
        "descriptor": "TABLE",
        "section": Section.PRE_DATA,
        "definition": "",
        "drop_statement": "",
        "copy_statement": "",
        "namespace": "public",
        "tablespace": "",
        "access_method": "",
        "relkind": "r",
        "owner": "owner",
        "dependencies": (),
        "data_state": DataState.NO_DATA,
        "offset": 0,
        **changes,
    }
    return TocEntry(**fields)


def problems(
    *entries: TocEntry, options: RestoreOptions | None = None, **facts: Any
) -> list[tuple[str, str]]:
    """Return codes and messages of what speaks against restoring these entries."""
    known = {"version": "18.6", "user": "me", "roles": {"owner": True}, "extensions": {}, **facts}
    plan = Plan(Chosen(entries), "18.6", "18.6", "18.6")
    found = judge(TargetFacts(**known), plan, options or RestoreOptions())
    return [(problem.code, problem.message) for problem in found.problems]


# -- messages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "command"),
    [
        ("", "SET transaction_timeout = 0;"),
        ("SCHEMA - public pg_database_owner", "CREATE SCHEMA public;"),
        ("COMMENT - EXTENSION pgcrypto ", "COMMENT ON EXTENSION pgcrypto IS 'x';"),
        (
            "CONSTRAINT shop events_later events_later_pkey me",
            "ALTER TABLE IF EXISTS ONLY shop.events_later DROP CONSTRAINT IF EXISTS x_pkey;",
        ),
        ("INDEX shop events_later_at_idx me", "DROP INDEX IF EXISTS shop.events_later_at_idx;"),
    ],
)
def test_complaints_that_need_no_attention(label: str, command: str) -> None:
    assert ignorable(label, command) is not None


@pytest.mark.parametrize(
    ("label", "command"),
    [
        ("", ""),
        ("", "SET transaction_timeout = 0; DROP TABLE x;"),
        ("TABLE public orders me", "CREATE SCHEMA public;"),
        ("SCHEMA - sales me", "CREATE SCHEMA sales;"),
        ("COMMENT public TABLE orders me", "COMMENT ON TABLE public.orders IS 'x';"),
        ("TABLE shop events me", "DROP TABLE IF EXISTS shop.events;"),
        ("CONSTRAINT shop t t_pkey me", "ALTER TABLE ONLY shop.t ADD CONSTRAINT t_pkey CHECK (a);"),
        ("INDEX shop t_idx me", "CREATE INDEX t_idx ON shop.t USING btree (a);"),
    ],
)
def test_everything_else_is_an_error(label: str, command: str) -> None:
    assert ignorable(label, command) is None


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ('could not extend file "base/1": No space left on device', "disk"),
        ('permission denied for table "x"', "no_owner"),
        ('role "x" does not exist', "role"),
        ('relation "x" already exists', "Drop it"),
        ("cannot drop table x because other objects depend on it", "depends"),
        ('insert or update on "x" violates foreign key constraint', "referenced"),
    ],
)
def test_advice_fits_the_error(message: str, word: str) -> None:
    assert word in advice(message)


def test_an_unknown_error_has_advice_too() -> None:
    assert advice("the moon is full") == NO_ADVICE


# -- clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [(("15.9", "16.3", "18.6"), "16.3"), (("18.6", "17.1"), "17.1"), (("18.6",), "18.6")],
)
def test_the_nearest_client_that_reads_the_archive(versions: tuple[str, ...], chosen: str) -> None:
    found = choose_client([client(version) for version in versions], wish())

    assert str(found.client.version) == chosen


def test_the_newest_client_when_nobody_knows_what_is_needed() -> None:
    found = choose_client([client("17.9"), client("18.6")], wish(restore_needs=None))

    assert str(found.client.version) == "18.6"


@pytest.mark.parametrize(
    ("clients", "changes", "error"),
    [
        ((client("15.9"),), {}, VersionUnsupported),
        ((), {}, VersionUnsupported),
        (
            (client("18.6", zstd=False),),
            {"compression": Compression.ZSTD},
            VersionUnsupported,
        ),
        ((client("18.6", tls=False),), {"sslmode": SslMode.REQUIRE}, TlsFailed),
        ((client("18.6"),), {"must_be_sound": True}, VersionUnsupported),
    ],
)
def test_no_client_that_would_do(
    clients: tuple[Client, ...], changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        choose_client(clients, wish(**changes))


def test_a_client_with_a_known_hole_is_said() -> None:
    assert "known hole" in choose_client([client("18.6")], wish()).warnings[0]


# -- names and command lines -----------------------------------------------------------------


@given(st.text(min_size=1).filter(lambda t: "\x00" not in t), st.text(min_size=1))
def test_every_quoted_name_is_read_back(schema: str, table: str) -> None:
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))

    assert parse_name(quoted) == (schema, table)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a.b.c", '"a', 'a"b"', '"a"b'])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_name(text)


def test_no_name_of_the_callers_is_in_an_argument() -> None:
    chosen = Selection(tables=("--file=x",), schemas=("$(id)",))
    options = RestoreOptions(selection=chosen, clean=True, confirmation="--host=x", jobs=3)
    stage = Stage(Path("/scratch/a"), Path("/scratch/list"))

    argv = restore_arguments(client("18.6"), stage, options, is_superuser=True)

    assert argv[-1] == "/scratch/a"
    assert not [word for word in argv if "--file=x" in word or "id)" in word or "host" in word]
    assert {"--clean", "--if-exists", "--jobs=3", "--use-list=/scratch/list"} <= set(argv)


def test_a_stream_has_one_job() -> None:
    argv = restore_arguments(
        client("18.6"), Stage(None), RestoreOptions(jobs=4), is_superuser=False
    )

    assert not [word for word in argv if word.startswith("--jobs")]


def test_a_script_stops_at_its_first_error_and_changes_nothing_then() -> None:
    argv = script_arguments(client("18.6"))

    assert {"--set=ON_ERROR_STOP=1", "--single-transaction", "--no-psqlrc"} <= set(argv)


LOST = "pg_restore: error: could not execute query: server closed the connection unexpectedly"


def heard(*lines: str, again: frozenset[int] = frozenset()) -> Findings:
    """Return what is found when a client says these lines."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as said:
        said.write("".join(f"{line}\n" for line in lines).encode())
    findings = Findings()
    with os.fdopen(reading, "rb") as pipe:
        Listener(pipe, findings, "password", again).finish()
    return findings


def refused(number: int, message: str) -> tuple[str, str, str]:
    return (
        f"pg_restore: from TOC entry {number}; 1259 16395 TABLE t me",
        f"pg_restore: error: could not execute query: ERROR:  {message}",
        "Command was: CREATE TABLE public.t ();",
    )


def test_what_was_begun_is_known_up_to_the_loss_of_the_target() -> None:
    found = heard(
        'pg_restore: creating TABLE "public.a"',
        LOST,
        "Command was: CREATE TABLE public.a ();",
        'pg_restore: creating TABLE "public.b"',
        "pg_restore: error: could not execute query: no connection to the server",
    )

    assert found.begun == {'TABLE "public.a"'}
    assert found.errors == []


def test_what_was_begun_before_may_be_there_and_nothing_else() -> None:
    again = frozenset({7})

    found = heard(
        *refused(7, 'relation "t" already exists'),
        *refused(8, 'relation "u" already exists'),
        again=again,
    )

    assert [note.advice for note in found.ignored] == [MADE_BEFORE]
    assert found.failed_entries == {8}


def test_another_refusal_of_what_was_begun_before_is_an_error() -> None:
    found = heard(*refused(7, "permission denied for schema public"), again=frozenset({7}))

    assert found.failed_entries == {7}


# -- preflight -------------------------------------------------------------------------------


def test_nothing_speaks_against_an_empty_target() -> None:
    assert problems(entry()) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"version": "17.9"}, "version_unsupported"),
        ({"objects": frozenset({Thing("TABLE", "s", "t")})}, "conflict"),
        ({"large_objects": 1}, "conflict"),
        ({"roles": {}}, "conflict"),
        ({"roles": {"owner": False}}, "permission_denied"),
        ({"is_read_only": True}, "permission_denied"),
        ({"may_create_in_public": False}, "permission_denied"),
    ],
)
def test_what_speaks_against_a_restore(facts: dict[str, Any], code: str) -> None:
    assert [found for found, _ in problems(entry(), **facts)] == [code]


def test_an_extension_alone_leaves_a_target_empty() -> None:
    assert problems(entry(), objects=frozenset({Thing("EXTENSION", "", "pg_stat")})) == []


def test_a_superuser_may_give_objects_to_anybody() -> None:
    assert problems(entry(), roles={"owner": False}, is_superuser=True) == []


def test_without_owners_no_role_is_needed() -> None:
    assert problems(entry(), roles={}, options=RestoreOptions(no_owner=True)) == []


@pytest.mark.parametrize(
    ("is_ours", "policy"), [(True, "refuse"), (False, "warn"), (False, "refuse")]
)
def test_clients_with_known_holes_are_refused_for_strangers_and_on_policy(
    *, is_ours: bool, policy: FloorPolicy
) -> None:
    wished = wish(must_be_sound=must_be_sound(policy, is_ours=is_ours))

    with pytest.raises(VersionUnsupported, match=r"known hole.*18\.6"):
        choose_client([client("18.6")], wished)
    assert choose_client([client("18.6"), client("18.7")], wished).warnings == ()


@pytest.mark.parametrize(("version", "warnings"), [("18.6", 1), ("18.7", 0)])
def test_our_own_archives_may_meet_such_clients_with_a_warning(version: str, warnings: int) -> None:
    wished = wish(must_be_sound=must_be_sound("warn", is_ours=True))

    assert len(choose_client([client(version)], wished).warnings) == warnings


@pytest.mark.parametrize(
    ("statement", "role"),
    [
        ("GRANT SELECT ON TABLE public.t TO reader;", "reader"),
        ('GRANT ALL ON TABLE public.t TO "Odd ""one";', 'Odd "one'),
        ("REVOKE ALL ON TABLE public.t FROM reader;", "reader"),
    ],
)
def test_grants_to_missing_roles_are_found(statement: str, role: str) -> None:
    acl = entry(descriptor="ACL", definition=statement)

    ((code, message),) = problems(acl)

    assert (code, role in message) == ("conflict", True)


def test_grants_to_everybody_need_no_role() -> None:
    acl = entry(descriptor="ACL", definition="GRANT USAGE ON SCHEMA public TO PUBLIC;")

    assert problems(acl) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "conflict"),
        ({"extensions": {"hstore": True}}, "permission_denied"),
    ],
)
def test_extensions_that_cannot_come(facts: dict[str, Any], code: str) -> None:
    extension = entry(descriptor="EXTENSION", tag="hstore", namespace="", owner="")

    assert [found for found, _ in problems(extension, **facts)] == [code]


def test_an_extension_that_is_there_already_needs_no_superuser() -> None:
    extension = entry(descriptor="EXTENSION", tag="hstore", namespace="", owner="")
    present = frozenset({Thing("EXTENSION", "", "hstore")})

    assert problems(extension, extensions={"hstore": True}, objects=present) == []


TO_THE_PLATFORM = entry(
    descriptor="FK CONSTRAINT",
    definition="ALTER TABLE ONLY public.profiles\n    ADD CONSTRAINT to_users FOREIGN KEY (id)"
    " REFERENCES auth.users(id);\n",
)


def test_a_foreign_key_into_a_schema_of_the_platform_is_refused_by_name() -> None:
    ((code, message),) = problems(TO_THE_PLATFORM)

    assert code == "conflict"
    assert message == (
        "constraint to_users of table public.profiles refers to auth.users,"
        " and the target has no schema auth"
    )


def test_a_schema_of_that_name_in_the_archive_is_the_users_own() -> None:
    own = entry(descriptor="SCHEMA", tag="auth", namespace="")

    assert problems(own, TO_THE_PLATFORM) == []


def test_names_of_others_never_break_a_line() -> None:
    hostile = frozenset({Thing("TABLE", "s", "a\x1b[2J\nb")})

    ((_, message),) = problems(entry(), objects=hostile)

    assert message.isprintable()
