"""A backup of one project restored into another: nothing of what a naive restore loses is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.domain.restore import RestoreReport
from chalicelib.domain.storage_file import FILES, parse_file
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.postgres_ports import RestoreSource
from tests.support.supabase import running_stand_in
from tests.support.supabase_restores import Restoring, backup_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

USERS = 7
FILE_COUNT = 9
EVERY_USER = "SELECT id::text, email, encrypted_password FROM auth.users ORDER BY id"
OWNERS = (
    "SELECT bucket_id, name, owner_id, created_at, user_metadata FROM storage.objects ORDER BY 1, 2"
)
# ALL is more since PostgreSQL 17, which has MAINTAIN
GRANTS = """
SELECT c.relname, g.grantee::regrole::text, g.privilege_type
  FROM pg_class c, aclexplode(c.relacl) g WHERE c.relnamespace = 'public'::regnamespace
   AND g.grantee::regrole::text IN ('anon', 'authenticated', 'service_role')
   AND g.privilege_type <> 'MAINTAIN' ORDER BY 1, 2, 3
"""
POLICIES = "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
SECURED = "SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY 1"
EXTENSIONS = "SELECT extname, extnamespace::regnamespace::text FROM pg_extension ORDER BY 1"
PUBLISHED = "SELECT pubname, schemaname, tablename FROM pg_publication_tables ORDER BY 1, 2, 3"
DEFAULTS = """
SELECT defaclrole::regrole::text, defaclobjtype, replace(defaclacl::text, 'm/', '/')
  FROM pg_default_acl
 WHERE defaclnamespace = 'public'::regnamespace ORDER BY 1, 2
"""
SAME = {
    "users with their passwords": EVERY_USER,
    "what users signed in with": "SELECT provider_id, email FROM auth.identities ORDER BY 1",
    "what files belong to": OWNERS,
    "grants of tables": GRANTS,
    "policies, those of Storage too": POLICIES,
    "row security": SECURED,
    "extensions in their schemas": EXTENSIONS,
    "members of publications": PUBLISHED,
    "defaults of what comes later": DEFAULTS,
    "rows that look like comments": "SELECT entry, amount FROM private.ledger ORDER BY id",
    "rows that refer to each other": "SELECT h.id, h.first_egg, e.hen FROM hens h JOIN eggs e"
    " ON e.id = h.first_egg ORDER BY 1",
    "sequences": "SELECT last_value, is_called FROM private.invoice_numbers",
    "sequences of users": "SELECT last_value, is_called FROM auth.refresh_tokens_id_seq",
    "materialized views": "SELECT entries, total FROM private.balance",
    "large objects": "SELECT oid, lo_get(oid) FROM pg_largeobject_metadata ORDER BY 1",
    "settings of roles": "SELECT rolname, rolconfig FROM pg_roles WHERE rolname IN"
    " ('authenticated', 'report_reader') ORDER BY 1",
    "members of roles": "SELECT roleid::regrole::text FROM pg_auth_members WHERE member ="
    " 'report_reader'::regrole",
    "functions with their comments": "SELECT proname, prosrc, obj_description(oid) FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace AND proowner = 'postgres'::regrole ORDER BY 1",
    "owners": "SELECT relname, relowner::regrole::text FROM pg_class WHERE relnamespace ="
    " 'private'::regnamespace ORDER BY 1",
    "history of migrations": "SELECT version, statements, name"
    " FROM supabase_migrations.schema_migrations ORDER BY 1",
}


MORE = (
    "ALTER TABLE private.ledger OWNER TO report_team",
    "CREATE FUNCTION private.early() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE public.early (id int PRIMARY KEY)",
    "GRANT SELECT ON public.early TO anon",
    "INSERT INTO public.early VALUES (1), (2)",
)
"""What comes last belongs to the platform's own role, to whom nobody may give anything."""
UNKNOWN = 'DROP EXTENSION IF EXISTS pgcrypto, "uuid-ossp"'


@dataclass(frozen=True)
class Restored:
    """Hold two projects, the backup between them and the report."""

    source: SupabaseStandIn
    target: SupabaseStandIn
    backup: RestoreSource
    report: RestoreReport


def furnish(source: SupabaseStandIn, *statements: str) -> None:
    """Give objects to others than `postgres`, as people and the platform's early days did."""
    with source.admin_session() as session:
        for statement in (*MORE, *statements):
            session.execute(statement.encode())


@pytest.fixture(scope="module", params=[(18, 18), (15, 15), (15, 18)], ids=str)
def restored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restored]:
    """Fill one project, back it up, restore it into a new one."""
    folder = tmp_path_factory.mktemp("restored")
    other = StandInOptions(ref="zyxwvutsrqponmlkjihg")
    source_major, target_major = request.param
    with (
        running_stand_in(source_major) as source,
        running_stand_in(target_major, other) as target,
    ):
        source.seed(USERS, FILE_COUNT)
        # the newer server of the tests does not have them, and the platform's has
        furnish(source, *([] if source_major == target_major else [UNKNOWN]))
        backup = backup_of(source, folder)
        report = Restoring(folder).restore(backup, target)
        yield Restored(source, target, backup, report)


def asked(stand_in: SupabaseStandIn, question: str) -> list[tuple[Any, ...]]:
    with stand_in.admin_session() as session:
        session.execute("SET search_path = public")
        return session.execute(question.encode()).fetchall()


def test_nothing_is_refused_and_nothing_differs(restored: Restored) -> None:
    comparison = restored.report.comparison

    assert restored.report.errors == ()
    assert comparison is not None
    assert comparison.differences == ()
    assert comparison.rows > USERS


@pytest.mark.parametrize("question", SAME.values(), ids=SAME)
def test_the_target_has_what_the_source_has(restored: Restored, question: str) -> None:
    expected = asked(restored.source, question)

    found = asked(restored.target, question)

    assert expected
    assert found == expected


def test_a_new_user_of_the_target_fires_the_users_own_trigger(restored: Restored) -> None:
    new = "99999999-0000-4000-8000-000000000000"
    joining = "INSERT INTO auth.users (id, email) VALUES (%s, 'new@example.org')"
    with restored.target.admin_session() as session, session.transaction(force_rollback=True):
        session.execute(joining.encode(), (new,))

        found = session.execute(b"SELECT handle FROM public.profiles WHERE id = %s", (new,))

        assert found.fetchall() == [("new",)]


def test_no_trigger_fired_while_users_were_restored(restored: Restored) -> None:
    question = "SELECT count(*) FROM supabase_functions.hooks"

    assert asked(restored.target, question) == [(0,)]


def test_every_file_can_be_read_with_the_bytes_it_had(restored: Restored) -> None:
    rows = asked(restored.target, "SELECT bucket_id, name, version FROM storage.objects")
    listing = b"".join(restored.backup.artefacts[FILES].open()).splitlines()
    expected = {(one.bucket, one.name): one.sha256 for one in map(parse_file, listing)}

    found = {
        (bucket, name): hashlib.sha256(
            restored.target.storage.path(bucket, name, version).read_bytes()
        ).hexdigest()
        for bucket, name, version in rows
    }

    assert len(found) == FILE_COUNT
    assert found == expected


@pytest.mark.parametrize(("role", "is_seen"), [("anon", False), ("authenticated", True)])
def test_orders_are_seen_by_their_customer_alone(
    restored: Restored, role: str, *, is_seen: bool
) -> None:
    claims = "set_config('request.jwt.claims', %s, false)"
    customer = asked(restored.target, 'SELECT "Customer"::text FROM "Order Items" LIMIT 1')[0][0]
    seen = "SELECT has_table_privilege('\"Order Items\"', 'SELECT')"
    with restored.target.owner_session() as session:
        session.execute("SET row_security = on; SET search_path = public")
        session.execute(f"SELECT {claims}".encode(), (f'{{"sub": "{customer}"}}',))
        session.execute(f"SET ROLE {role}".encode())

        may = session.execute(seen.encode()).fetchone() == (True,)
        rows = (
            session.execute('SELECT DISTINCT "Customer"::text FROM "Order Items"').fetchall()
            if may
            else []
        )

    assert may is is_seen
    assert rows == ([(customer,)] if is_seen else [])


def test_jobs_of_cron_are_there_and_paused(restored: Restored) -> None:
    question = "SELECT jobname, schedule, command, {} FROM cron.job ORDER BY schedule"

    found = asked(restored.target, question.format("active"))

    expected = asked(restored.source, question.format("false"))
    assert found == expected


def test_functions_have_the_sources_they_had(restored: Restored) -> None:
    found = {slug: one.files for slug, one in restored.target.platform.functions.items()}

    assert found == {slug: one.files for slug, one in restored.source.platform.functions.items()}


def test_functions_begin_where_they_began_and_check_tokens_as_they_did(restored: Restored) -> None:
    functions = restored.target.platform.functions

    assert functions["hello"].entrypoint_path == "hello/index.ts"
    assert functions["tables"].verify_jwt is False


def test_settings_are_written_and_others_left_alone(restored: Restored) -> None:
    config = restored.target.platform.configs

    assert config["auth"]["password_min_length"] == 12
    assert config["auth"]["smtp_host"] == "mail.example.org"
    assert config["postgrest"]["max_rows"] == 77


def test_what_no_backup_can_hold_is_left_to_people(restored: Restored) -> None:
    left = {note.what for note in restored.report.by_hand}

    assert {
        "role report_reader",
        "secret payment key of the vault",
        "setting auth.external_github_secret",
        "settings ssl_enforcement",
        "sessions of users",
        "cron job nightly totals",
    } <= left


def test_what_belongs_to_the_platform_is_skipped_with_a_reason(restored: Restored) -> None:
    skipped = {note.what: note.message for note in restored.report.skipped}

    assert skipped["event trigger pgrst_ddl_watch"].startswith("only a superuser")


def test_the_restoring_role_may_act_as_no_role_that_it_made(restored: Restored) -> None:
    question = "SELECT pg_has_role('postgres', 'report_team', 'USAGE')"

    assert asked(restored.target, question) == [(False,)]


def test_objects_of_the_platforms_own_role_belong_to_the_restoring_one(restored: Restored) -> None:
    question = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'early'"
    notes = {note.what: note.message for note in restored.report.skipped}

    assert asked(restored.target, question) == [("postgres",)]
    assert notes["table public.early"].startswith("belongs to postgres now")


def test_visitors_were_looked_at(restored: Restored) -> None:
    checked = restored.report.checked

    assert checked["visitors"] >= 4
    assert checked["row security"] >= 2
    assert checked["files"] == FILE_COUNT
    assert checked["grants"] >= 10
