"""What goes wrong around a Supabase project while it is backed up, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain.backup import Component, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.reader_role import supabase_reader_sql
from chalicelib.domain.supabase import WhenObjectGone
from chalicelib.local.supabase.edge_functions import EdgeFunction
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from tests.support.dumping import execute
from tests.support.supabase import running_stand_in
from tests.support.supabase_backups import Desk, desk_of

pytestmark = pytest.mark.postgres

WITH_FILES = {"components": ["database", "storage"]}
WITH_FUNCTIONS = {"components": ["database", "functions"]}
EVERY_SCOPE = frozenset(
    {
        "projects:read",
        "edge_functions:read",
        "secrets:read",
        "auth:read",
        "rest:read",
        "database:read",
        "storage_config_read",
        "realtime_config_read",
    }
)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[SupabaseStandIn]:
    """Run a small project."""
    with running_stand_in() as made:
        made.seed(users=1, files=3)
        yield made


@pytest.fixture(scope="module")
def main_desk(stand_in: SupabaseStandIn, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Open a service with that project."""
    return desk_of(tmp_path_factory.mktemp("data"), stand_in)


@pytest.fixture
def desk(main_desk: Desk) -> Desk:
    """Give a project without any earlier backup."""
    return main_desk.changed()


@pytest.fixture
def scopes(stand_in: SupabaseStandIn) -> Iterator[None]:
    """Let the token do what the test leaves it, for the length of the test."""
    yield
    stand_in.platform.scopes = None


@pytest.mark.usefixtures("scopes")
@pytest.mark.parametrize(
    ("component", "scope"),
    [
        ("functions", "edge_functions:read"),
        ("config", "auth:read"),
        ("config", "storage_config_read"),
        ("config", "secrets:read"),
    ],
)
def test_a_token_without_a_scope_fails_the_backup_with_its_name(
    desk: Desk, stand_in: SupabaseStandIn, component: str, scope: str
) -> None:
    stand_in.platform.scopes = EVERY_SCOPE - {scope}

    made = desk.run(components=["database", component])

    assert made.status is Status.FAILED
    assert made.error is not None
    assert made.error.code == "permission_denied"
    assert scope in made.error.message
    assert made.artefacts == ()


@pytest.mark.usefixtures("scopes")
def test_a_component_that_may_be_left_out_becomes_a_warning(
    desk: Desk, stand_in: SupabaseStandIn
) -> None:
    stand_in.platform.scopes = EVERY_SCOPE - {"edge_functions:read"}
    lenient = desk.changed(optional=(Component.FUNCTIONS,))

    made = lenient.completed(**WITH_FUNCTIONS)

    (warning,) = [one for one in made.warnings if "component functions was left out" in one]
    assert "edge_functions:read" in warning
    assert "functions.jsonl" not in {one.name for one in made.artefacts}


def test_a_wrong_key_to_storage_fails_the_backup_or_is_a_warning(desk: Desk) -> None:
    lenient = desk.changed(optional=(Component.STORAGE,))
    for one in (desk, lenient):
        one.services.adapters.secrets.put(one.project.storage_key_name, "not-the-key")

    failed, left_out = desk.run(**WITH_FILES), lenient.completed(**WITH_FILES)

    assert failed.error is not None
    assert failed.error.code in {"permission_denied", "authentication_failed"}
    assert any("component storage was left out" in one for one in left_out.warnings)
    keys = lenient.services.adapters.store.keys(f"projects/{lenient.project.id}/")
    assert not [key for key in keys if "/files/" in key]


@pytest.mark.parametrize("kind", ["a Supabase project", "a database"])
def test_a_password_that_was_rotated_names_where_to_give_the_new_one(desk: Desk, kind: str) -> None:
    rotated = desk if kind == "a Supabase project" else desk.plain()
    project = rotated.project
    rotated.services.adapters.secrets.put(project.secret_name, "the one before")

    made = rotated.run(components=["database"])

    assert made.error is not None
    assert (made.status, made.error.code) == (Status.FAILED, "authentication_failed")
    assert f"`holdfast projects update {project.id} --password env:NAME`" in made.error.hint


@pytest.fixture
def hollow_row(stand_in: SupabaseStandIn) -> Iterator[str]:
    """Give the name of a row whose bytes are gone, as when it is deleted behind the snapshot."""
    row = stand_in.storage.upload("avatars", "going", b"bytes")
    assert row is not None
    stand_in.storage.path("avatars", "going", row.version).unlink()
    yield "going"
    execute(
        stand_in.admin_connection,
        "SET storage.allow_delete_query = 'true'; DELETE FROM storage.objects WHERE name = 'going'",
    )


def test_a_file_that_is_gone_is_recorded(desk: Desk, hollow_row: str) -> None:
    made = desk.completed(**WITH_FILES)

    (missing,) = [f for f in desk.lines(made, "storage-files.jsonl") if "missing" in f]
    assert (missing["name"], missing["missing"]) == (hollow_row, "it is gone")
    assert made.files is not None
    assert made.files.missing == 1
    assert any("could be copied: 1" in one for one in made.warnings)


def test_a_file_that_is_gone_fails_the_backup_where_that_is_set(
    desk: Desk, hollow_row: str
) -> None:
    strict = desk.changed(when_object_gone=WhenObjectGone.FAIL)

    made = strict.run(**WITH_FILES)

    assert made.error is not None
    assert hollow_row in made.error.message
    assert list(strict.services.adapters.store.keys(f"projects/{strict.project.id}/")) == []


def test_functions_that_did_not_change_are_not_fetched_again(
    desk: Desk, stand_in: SupabaseStandIn
) -> None:
    first = desk.completed(**WITH_FUNCTIONS)
    asked_before = len(stand_in.http.asked)
    changed = EdgeFunction("hello", {"index.ts": b"export const changed = true;"})
    with stand_in.platform.lock:
        stand_in.platform.functions["hello"] = changed

    second = desk.completed(**WITH_FUNCTIONS)

    bodies = [one for one in stand_in.http.asked[asked_before:] if one.endswith("/body")]
    assert [one.split("/")[-2] for one in bodies] == ["hello"]
    before, after = (desk.lines(one, "functions.jsonl") for one in (first, second))
    assert before[1] == after[1]
    assert list(after[0]["files"]) == ["index.ts"]


def test_a_listing_of_files_that_was_damaged_is_not_built_upon(desk: Desk) -> None:
    first = desk.completed(**WITH_FILES)
    store = desk.services.adapters.store
    (listing,) = [one for one in first.artefacts if one.name == "storage-files.jsonl"]
    content = b"".join(store.read(listing.key))
    store.delete(listing.key)
    store.put(listing.key, content.replace(b'"files/1"', b'"files/2"'), content_type="x")

    second = desk.completed(**WITH_FILES)

    assert second.files is not None
    assert second.files.reused == 0


@pytest.fixture
def reader(stand_in: SupabaseStandIn) -> Iterator[Connection]:
    """Give the role that is meant for backups alone."""
    execute(stand_in.connection, supabase_reader_sql("reader-pw"))
    yield stand_in.connection_as("holdfast_reader", "reader-pw")
    execute(stand_in.admin_connection, "DROP OWNED BY holdfast_reader", "DROP ROLE holdfast_reader")


def test_the_role_for_backups_alone_takes_everything(desk: Desk, reader: Connection) -> None:
    made = desk.reached_as(reader).completed()

    assert len(made.artefacts) == 10
    assert desk.manifest(made).counts.large_objects == 1


def test_large_objects_that_came_after_that_role_are_left_out_with_a_word(
    desk: Desk, reader: Connection, stand_in: SupabaseStandIn
) -> None:
    execute(stand_in.connection, "SELECT lo_from_bytea(4711, 'later')")

    made = desk.reached_as(reader).completed()

    execute(stand_in.connection, "SELECT lo_unlink(4711)")
    assert "large objects were left out: the role may not read 1 of them" in made.warnings
    assert desk.manifest(made).counts.large_objects == 0


def test_a_plain_project_may_ask_for_its_roles(tmp_path: Path, stand_in: SupabaseStandIn) -> None:
    hosted = desk_of(tmp_path / "data", stand_in)
    plain = hosted.plain()

    made = plain.completed(components=["roles", "database"])

    lines = plain.read(made, "roles.sql").decode().splitlines()
    assert [one.name for one in made.artefacts] == ["database.dump", "roles.sql"]
    assert any(one.startswith("CREATE ROLE supabase_admin SUPERUSER") for one in lines)
    assert not any("PASSWORD" in one or "CREATE ROLE pg_" in one for one in lines)
