"""Several archives and listings of one snapshot: what is in which, and what is counted where."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType
from chalicelib.domain.connection import Connection
from chalicelib.domain.dump_scope import DumpPart, DumpScope, Reading
from chalicelib.domain.errors import Internal, PermissionDenied
from chalicelib.domain.progress import Progress
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import DumpRequest
from tests.support.dumping import Bystander, Dumped, Dumper, connected, execute

ODD = 'au"th.*'
"""A schema whose name would be a pattern, were it not quoted."""

SCHEMAS = (
    'CREATE SCHEMA "au""th.*"',
    'CREATE TABLE "au""th.*".users (id serial PRIMARY KEY, name text)',
    """INSERT INTO "au""th.*".users (name) VALUES ('a'), ('b')""",
    "CREATE SCHEMA author",
    "CREATE TABLE author.books (id int)",
    "INSERT INTO author.books SELECT generate_series(1, 5)",
    "CREATE TABLE author.drafts (id int)",
    "INSERT INTO author.drafts VALUES (1)",
)
WITHOUT = DumpScope(exclude_schemas=(ODD,), exclude_tables=(("author", "drafts"),))
USERS = DumpPart("users.dump", BackupType.DATA, DumpScope(schemas=(ODD,)))
DRAFTS = DumpPart("drafts.dump", BackupType.DATA, DumpScope(tables=(("author", "drafts"),)))
MANAGED = DumpPart("managed.dump", BackupType.SCHEMA, DumpScope(schemas=(ODD,)))
NUMBERS = Reading("numbers.txt", "SELECT g::text FROM generate_series(1, 2500) g")


@pytest.fixture
def source(source: Connection) -> Connection:
    execute(source, *SCHEMAS)
    return source


def request_of(dumper: Dumper, source: Connection, **asked: object) -> DumpRequest:
    plan = dumper.engine.plan(source, BackupOptions())
    return replace(DumpRequest(source, plan, "01TESTRUN"), **asked)  # type: ignore[arg-type]  # by field


def tables_in(dumped: Dumped, name: str, bin_dir: Path) -> set[str]:
    argv = [str(bin_dir / "pg_restore"), "--list"]
    done = subprocess.run(argv, input=dumped.files[name], capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    return {line.split("TABLE DATA ")[1] for line in lines if "TABLE DATA" in line}


def counted(dumped: Dumped, part: str | None = None) -> dict[str, int]:
    counts = dumped.result.counts if part is None else dumped.result.parts[part]
    return {f"{one.schema_name}.{one.table}": one.rows for one in counts.tables}


def test_each_archive_holds_its_scope_and_no_more(
    dumper: Dumper, source: Connection, server: LocalPostgres
) -> None:
    request = request_of(dumper, source, scope=WITHOUT, parts=(USERS, DRAFTS, MANAGED))

    dumped = dumper.run(request)

    owner = source.endpoint.user
    main = tables_in(dumped, "database.dump", server.bin_dir)
    assert f"author books {owner}" in main
    assert not any("users" in line or "drafts" in line for line in main)
    assert tables_in(dumped, "users.dump", server.bin_dir) == {f"{ODD} users {owner}"}
    assert tables_in(dumped, "drafts.dump", server.bin_dir) == {f"author drafts {owner}"}
    assert tables_in(dumped, "managed.dump", server.bin_dir) == set()


def test_rows_are_counted_with_the_archive_that_holds_them(
    dumper: Dumper, source: Connection
) -> None:
    request = request_of(dumper, source, scope=WITHOUT, parts=(USERS, DRAFTS, MANAGED))

    dumped = dumper.run(request)

    assert counted(dumped)["author.books"] == 5
    assert {"author.drafts", f"{ODD}.users"}.isdisjoint(counted(dumped))
    assert counted(dumped, "users.dump") == {f"{ODD}.users": 2}
    assert counted(dumped, "drafts.dump") == {"author.drafts": 1}
    assert "managed.dump" not in dumped.result.parts


def test_sequences_of_every_archive_with_data_are_recorded_and_no_others(
    dumper: Dumper, source: Connection
) -> None:
    with_users = dumper.run(request_of(dumper, source, scope=WITHOUT, parts=(USERS,)))
    without = dumper.run(request_of(dumper, source, scope=WITHOUT, parts=(MANAGED,)))

    assert with_users.result.counts.facts is not None
    assert without.result.counts.facts is not None
    assert f"{ODD}.users_id_seq" in with_users.result.counts.facts.sequences
    assert f"{ODD}.users_id_seq" not in without.result.counts.facts.sequences


def test_large_objects_that_are_left_out_are_neither_dumped_nor_counted_and_it_is_said(
    dumper: Dumper, source: Connection, server: LocalPostgres
) -> None:
    dumped = dumper.run(request_of(dumper, source, scope=DumpScope(large_objects=False)))

    listed = subprocess.run(
        [str(server.bin_dir / "pg_restore"), "--list"],
        input=dumped.main,
        capture_output=True,
        check=True,
    )
    assert b"BLOB" not in listed.stdout
    assert dumped.result.counts.large_objects == 0
    assert dumped.result.counts.facts is not None
    assert "2 of them" in dumped.result.counts.facts.unknown["large objects"]


@pytest.mark.parametrize("is_readable", [False, True])
def test_large_objects_that_cannot_be_read_may_be_left_out_with_a_word(
    dumper: Dumper,
    source18: Connection,
    clerk_of: Callable[[str], Connection],
    *,
    is_readable: bool,
) -> None:
    clerk = clerk_of("IN ROLE pg_read_all_data BYPASSRLS")
    if is_readable:
        execute(source18, "DO $$ BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END $$")
        execute(source18, "SELECT lo_from_bytea(4711, 'x')")
        execute(source18, "GRANT SELECT ON LARGE OBJECT 4711 TO clerk")

    dumped = dumper.run(request_of(dumper, clerk, scope=DumpScope(may_lack_large_objects=True)))

    left_out = ("large objects were left out: the role may not read 2 of them",)
    assert dumped.result.warnings == (() if is_readable else left_out)
    assert dumped.result.counts.large_objects == (1 if is_readable else 0)


def test_large_objects_that_cannot_be_read_fail_any_other_dump(
    dumper: Dumper, clerk_of: Callable[[str], Connection]
) -> None:
    clerk = clerk_of("IN ROLE pg_read_all_data BYPASSRLS")

    with pytest.raises(PermissionDenied, match="large object"):
        dumper.run(request_of(dumper, clerk))


def test_readings_of_one_name_follow_each_other_in_one_artefact(
    dumper: Dumper, source18: Connection
) -> None:
    last = Reading("numbers.txt", "SELECT 'the end'")

    dumped = dumper.run(request_of(dumper, source18, readings=(NUMBERS, last)))

    lines = dumped.files["numbers.txt"].decode().splitlines()
    assert lines == [*map(str, range(1, 2501)), "the end"]


def test_a_reading_without_its_relation_has_no_lines(dumper: Dumper, source18: Connection) -> None:
    lacking = Reading("jobs.txt", "SELECT command FROM cron.job", needs=("cron", "job"))

    dumped = dumper.run(request_of(dumper, source18, readings=(lacking,)))

    assert dumped.files["jobs.txt"] == b""


def test_a_reading_and_every_archive_see_the_same_moment(
    dumper: Dumper, source18: Connection, postgres18: LocalPostgres
) -> None:
    execute(source18, "CREATE TABLE late (id int)", "INSERT INTO late VALUES (1)")
    part = DumpPart("late.dump", BackupType.DATA, DumpScope(tables=(("public", "late"),)))
    reading = Reading("late.txt", "SELECT count(*)::text FROM public.late")
    # by the first bytes of any artefact the snapshot stands
    dumper.on_first_bytes = lambda: execute(source18, "INSERT INTO late VALUES (2)")

    dumped = dumper.run(request_of(dumper, source18, parts=(part,), readings=(reading,)))

    with connected(source18) as session:
        assert session.execute("SELECT count(*) > 1 FROM late").fetchone() == (True,)
    assert dumped.files["late.txt"] == b"1\n"
    assert counted(dumped)["public.late"] == counted(dumped, "late.dump")["public.late"] == 1


@pytest.mark.parametrize(
    "sql", ["SELECT NULL::text", "SELECT E'a\\nb'", "SELECT 1", "SELECT 'a', 'b'"]
)
def test_what_is_no_line_fails_the_dump(dumper: Dumper, source18: Connection, sql: str) -> None:
    with pytest.raises(Internal, match=r"odd\.txt"):
        dumper.run(request_of(dumper, source18, readings=(Reading("odd.txt", sql),)))

    assert dumper.leftovers() == []


def test_what_the_role_may_not_read_fails_the_dump_by_name(
    dumper: Dumper, source18: Connection, reader: Connection
) -> None:
    reading = Reading("people.txt", "SELECT name FROM public.people")

    with pytest.raises(PermissionDenied, match="people"):
        dumper.run(request_of(dumper, reader, readings=(reading,)))


@pytest.fixture
def reader(source18: Connection, clerk_of: Callable[[str], Connection]) -> Connection:
    """Give a login that may read nothing of its own accord, and may become the owner."""
    clerk = clerk_of("NOINHERIT")
    execute(source18, f'GRANT "{source18.endpoint.user}" TO clerk')
    return clerk


@pytest.fixture
def clerk_of(source18: Connection) -> Iterator[Callable[[str], Connection]]:
    """Make a login with some attributes; it goes, for roles belong to every test's server."""

    def made(attributes: str) -> Connection:
        execute(source18, f"CREATE ROLE clerk LOGIN PASSWORD 'clerk' {attributes}")
        endpoint = source18.endpoint.model_copy(update={"user": "clerk"})
        return Connection(endpoint, "clerk")

    yield made
    execute(source18, "DROP OWNED BY clerk", "DROP ROLE clerk")


def test_sessions_and_pg_dump_act_as_the_role_that_is_asked_for(
    dumper: Dumper, source18: Connection, reader: Connection
) -> None:
    reading = Reading("who.txt", "SELECT current_user::text")
    scope = DumpScope(role=source18.endpoint.user)

    dumped = dumper.run(request_of(dumper, reader, scope=scope, readings=(reading,)))

    assert dumped.files["who.txt"].decode().strip() == source18.endpoint.user
    assert counted(dumped)["public.people"] == 3000


def test_progress_counts_the_tables_of_every_archive(dumper: Dumper, source18: Connection) -> None:
    execute(source18, *SCHEMAS)
    watch = Bystander()

    dumper.run(request_of(dumper, source18, scope=WITHOUT, parts=(USERS, DRAFTS)), watch)

    last = watch.published[-1]
    assert isinstance(last, Progress)
    assert last.tables_done == last.tables_total == 7
