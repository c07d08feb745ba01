"""A backup of a whole Supabase project: one moment, several artefacts, nothing forgotten."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from tests.support.dumping import connected
from tests.support.recovering import commands, follow
from tests.support.supabase_backups import Desk, desk_of

DUMPS = ["database.dump", "auth.dump", "managed.dump", "storage.dump"]
LISTINGS = [
    "catalogue.jsonl",
    "config.jsonl",
    "functions.jsonl",
    "roles.sql",
    "storage-files.jsonl",
    "storage-objects.jsonl",
]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[SupabaseStandIn]:
    """Run a project that users have filled."""
    with SupabaseStandIn(max(find_servers(), key=lambda found: found.major)) as made:
        made.seed()
        yield made


@pytest.fixture(scope="module")
def bin_dir(stand_in: SupabaseStandIn) -> Path:
    """Give the folder of stock programs that read what was dumped."""
    return stand_in.server.bin_dir


@pytest.fixture(scope="module")
def desk(stand_in: SupabaseStandIn, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Open a service with that project."""
    return desk_of(tmp_path_factory.mktemp("data"), stand_in)


@pytest.fixture(scope="module")
def backup(desk: Desk) -> Backup:
    """Make one backup for every test that only looks."""
    return desk.completed()


def of_kind(desk: Desk, backup: Backup, kind: str) -> list[dict[str, Any]]:
    return [line for line in desk.lines(backup, "catalogue.jsonl") if line["kind"] == kind]


def contents(desk: Desk, backup: Backup, name: str, bin_dir: Path) -> str:
    done = subprocess.run(
        [str(bin_dir / "pg_restore"), "--list"],
        input=desk.read(backup, name),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def test_a_backup_of_a_project_has_all_its_artefacts_dumps_first(backup: Backup) -> None:
    assert [one.name for one in backup.artefacts] == [*DUMPS, *LISTINGS]
    assert backup.validated
    assert not [one for one in backup.warnings if "component" in one]


def test_the_main_archive_holds_what_users_made_and_nothing_of_the_platform(
    desk: Desk, backup: Backup, bin_dir: Path
) -> None:
    held = contents(desk, backup, "database.dump", bin_dir)

    assert "TABLE DATA public Order Items" in held
    assert "TABLE DATA private ledger" in held
    assert "BLOB" in held
    for schema in ("auth", "storage", "vault", "cron", "realtime"):
        assert re.search(rf"^\d+; \d+ \d+ TABLE (DATA )?{schema} ", held, re.MULTILINE) is None


def test_rows_of_auth_are_kept_without_migrations_and_short_lived_tables(
    desk: Desk, backup: Backup, bin_dir: Path
) -> None:
    held = contents(desk, backup, "auth.dump", bin_dir)

    assert "TABLE DATA auth users" in held
    assert "TABLE DATA auth identities" in held
    for name in ("schema_migrations", "flow_state", "audit_log_entries"):
        assert f"auth {name}" not in held


def test_rows_of_storage_are_those_that_can_be_written_again(
    desk: Desk, backup: Backup, bin_dir: Path
) -> None:
    held = contents(desk, backup, "storage.dump", bin_dir)

    tables = {line.split()[6] for line in held.splitlines() if "TABLE DATA storage" in line}
    assert tables == {"buckets", "objects"}


def test_managed_schemas_are_kept_without_rows(desk: Desk, backup: Backup, bin_dir: Path) -> None:
    held = contents(desk, backup, "managed.dump", bin_dir)

    assert " TABLE auth users " in held
    assert " TABLE storage objects " in held
    assert "TABLE DATA" not in held


def test_rows_are_counted_per_archive_and_their_blocks_kept(desk: Desk, backup: Backup) -> None:
    parts = {part.name: part for part in desk.manifest(backup).parts}

    counted = {t.table: t.rows for t in parts["auth.dump"].counts.tables}
    assert counted["users"] == 20
    assert parts["auth.dump"].blocks
    assert parts["managed.dump"].counts.tables == ()
    assert {t.table for t in parts["storage.dump"].counts.tables} == {"buckets", "objects"}


def test_the_manifest_names_the_components(desk: Desk, backup: Backup) -> None:
    manifest = desk.manifest(backup)

    expected = ["database", "roles", "auth", "storage", "functions", "config"]
    assert [one.value for one in manifest.components] == expected
    assert manifest.files == backup.files


def test_roles_are_those_of_users_without_passwords(desk: Desk, backup: Backup) -> None:
    lines = desk.read(backup, "roles.sql").decode().splitlines()

    assert "CREATE ROLE report_reader LOGIN;" in lines
    assert "ALTER ROLE report_reader SET statement_timeout TO '90s';" in lines
    assert "GRANT report_team TO report_reader;" in lines
    assert "ALTER ROLE authenticated SET statement_timeout TO '9s';" in lines
    assert not any(line.startswith("CREATE ROLE supabase") for line in lines)
    assert not any("PASSWORD" in line or "NOSUPERUSER" in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("extension", {"name": "citext", "schema": "extensions"}),
        ("trigger", {"schema": "auth", "table": "users", "name": "on_auth_user_created"}),
        ("policy", {"schema": "storage", "table": "objects", "name": "own files"}),
        ("cron_job", {"name": "nightly totals", "schedule": "30 3 * * *", "active": True}),
        ("cron_job", {"name": None, "schedule": "15 * * * *"}),
        ("publication", {"name": "reports", "insert": True, "update": False}),
        ("publication_table", {"publication": "supabase_realtime", "table": "Order Items"}),
        ("materialized_view", {"schema": "private", "name": "balance"}),
        ("default_privilege", {"role": "postgres", "schema": "public", "grantee": "anon"}),
        ("event_trigger", {"name": "pgrst_ddl_watch", "owner": "supabase_admin"}),
        ("large_objects", {"count": 1}),
        ("vault_secret", {"name": "payment key", "description": "of the shop"}),
        ("rls_table", {"schema": "public", "table": "profiles"}),
        ("database_setting", {"name": "statement_timeout", "value": "2min"}),
    ],
)
def test_what_no_archive_holds_is_in_the_catalogue(
    desk: Desk, backup: Backup, kind: str, expected: dict[str, Any]
) -> None:
    found = of_kind(desk, backup, kind)

    assert any(expected.items() <= line.items() for line in found), found


def test_triggers_and_policies_of_the_platform_itself_are_not_in_the_catalogue(
    desk: Desk, backup: Backup
) -> None:
    triggers = {line["name"] for line in of_kind(desk, backup, "trigger")}

    assert triggers == {"on_auth_user_created"}


def test_every_file_is_kept_with_its_hash_whatever_its_name(desk: Desk, backup: Backup) -> None:
    files = desk.lines(backup, "storage-files.jsonl")

    assert len(files) == 6
    for file in files:
        content = desk.read(backup, file["key"])
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["size_bytes"]
    assert {f["name"] for f in files} >= {"empty", "percent%2Fplus+question?hash#.txt"}
    assert backup.files is not None
    assert (backup.files.files, backup.files.reused, backup.files.missing) == (6, 0, 0)


def test_functions_are_kept_with_their_sources(desk: Desk, backup: Backup) -> None:
    hello, tables = desk.lines(backup, "functions.jsonl")

    assert hello["slug"] == "hello"
    assert hello["entrypoint"] == "hello/index.ts"
    assert set(hello["files"]) == {"hello/index.ts", "_shared/greeting.ts"}
    assert base64.b64decode(tables["files"]["data/table.bin"]) == bytes(range(256))
    assert tables["metadata"]["verify_jwt"] is False


def test_secrets_of_the_configuration_are_named_and_not_kept(desk: Desk, backup: Backup) -> None:
    sections = {line["section"]: line for line in desk.lines(backup, "config.jsonl")}

    assert sections["auth"]["values"]["site_url"] == "https://shop.example.org"
    assert "external_github_secret" in sections["auth"]["not_restorable"]
    assert "jwt_secret" in sections["postgrest"]["not_restorable"]
    assert sections["secrets"]["not_restorable"] == ["PAYMENT_KEY"]


def test_no_secret_is_in_anything_but_the_rows(desk: Desk, backup: Backup) -> None:
    kept = b"".join(desk.read(backup, name) for name in [*LISTINGS, "RECOVERY.md", "manifest.json"])

    for canary in (b"canary-", b"a password that no backup holds", b"sbp_", b"stand-in.ey"):
        assert canary not in kept


@pytest.fixture
def elsewhere() -> Iterator[Connection]:
    """Give an empty server that has never heard of the platform."""
    programs = max(find_servers(), key=lambda found: found.major)
    with LocalPostgres(programs, LocalSettings(durable=False)) as server:
        yield server.connection("outside")


def test_the_recovery_text_brings_the_database_back_without_the_platform(
    desk: Desk, backup: Backup, elsewhere: Connection, bin_dir: Path, tmp_path: Path
) -> None:
    for artefact in backup.artefacts:
        (tmp_path / artefact.name).write_bytes(desk.read(backup, artefact.name))
    text = desk.read(backup, "RECOVERY.md").decode()
    whole = [block for block in commands(text) if "openssl" not in block and "END'" not in block]
    checks = [block for block in commands(text) if "sha256sum" in block]

    said = follow([*checks, *whole], tmp_path, elsewhere, bin_dir)

    assert said.count(": OK") == len(backup.artefacts)
    with connected(elsewhere) as session:
        users = session.execute("SELECT count(*) FROM auth.users").fetchone()
        entries = session.execute("SELECT count(*) FROM private.ledger").fetchone()
        objects = session.execute("SELECT count(*) FROM storage.objects").fetchone()
    assert (users, entries, objects) == ((20,), (4,), (6,))


def test_a_second_backup_copies_unchanged_files_inside_the_store(
    desk: Desk, backup: Backup, stand_in: SupabaseStandIn
) -> None:
    stand_in.storage.upload("avatars", "a new one", b"new")

    again = desk.completed()

    assert again.files is not None
    assert (again.files.files, again.files.reused) == (7, 6)
    before = {f["name"]: f["sha256"] for f in desk.lines(backup, "storage-files.jsonl")}
    after = {f["name"]: f["sha256"] for f in desk.lines(again, "storage-files.jsonl")}
    assert {name: after[name] for name in before} == before


def test_a_backup_says_which_files_were_not_read_again(desk: Desk, backup: Backup) -> None:
    again = desk.completed()

    assert backup.verification is not None
    assert again.verification is not None
    assert again.files is not None
    assert not any("not read again" in reason for reason in backup.verification.reasons)
    told = f"not read again: {again.files.reused} files that did not change"
    assert any(reason.startswith(told) for reason in again.verification.reasons)
