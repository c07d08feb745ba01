"""A restore into a project says beforehand what it would meet, and changes nothing until then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    IntegrityFailed,
    InvalidRequest,
    Unsupported,
)
from chalicelib.domain.restore import Preflight, RestoreOptions, Selection, TargetState
from chalicelib.domain.storage_file import FILES
from chalicelib.local.supabase.http_server import Trouble
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.postgres_ports import PlatformTarget, RestoreSource
from tests.support.dumping import Bystander
from tests.support.supabase import running_stand_in
from tests.support.supabase_restores import Restoring, backup_of, changed, request_of, without

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

USER = "INSERT INTO auth.users (id) VALUES ('11111111-0000-4000-8000-000000000000')"
BUCKET = "INSERT INTO storage.buckets (id, name) VALUES ('avatars', 'avatars')"
IN_THE_WAY = [
    ([USER], ["DELETE FROM auth.users"], "the target already has rows in auth.users"),
    (
        ["CREATE TABLE public.hens (id int)", "ALTER TABLE hens OWNER TO postgres"],
        ["DROP TABLE public.hens"],
        "the target already has table public.hens",
    ),
    (
        ["ALTER TABLE auth.users RENAME phone TO telephone"],
        ["ALTER TABLE auth.users RENAME telephone TO phone"],
        "table auth.users of the target lacks the column phone",
    ),
    (
        ["ALTER TABLE auth.identities RENAME TO logins"],
        ["ALTER TABLE auth.logins RENAME TO identities"],
        "the target has no table auth.identities",
    ),
    (
        ["REVOKE INSERT ON auth.sessions FROM postgres"],
        ["GRANT INSERT ON auth.sessions TO postgres"],
        "user postgres may not write table auth.sessions",
    ),
    (
        ["REVOKE SET ON PARAMETER session_replication_role FROM postgres"],
        ["GRANT SET ON PARAMETER session_replication_role TO postgres"],
        "user postgres may not keep triggers from firing",
    ),
]


@pytest.fixture(scope="module")
def target() -> Iterator[SupabaseStandIn]:
    """Run a project that holds nothing of anybody's."""
    scopes = StandInOptions(ref="zyxwvutsrqponmlkjihg")
    with running_stand_in(options=scopes) as made:
        yield made


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> RestoreSource:
    """Back up a filled project once."""
    with running_stand_in() as source:
        source.seed(users=2, files=2)
        return backup_of(source, tmp_path_factory.mktemp("backup"))


@pytest.fixture
def restoring(tmp_path: Path) -> Restoring:
    return Restoring(tmp_path)


@contextmanager
def as_admin(target: SupabaseStandIn, before: list[str], after: list[str]) -> Iterator[None]:
    with target.admin_session() as session:
        session.execute("SET search_path = public")
        for statement in before:
            session.execute(statement.encode())
        try:
            yield
        finally:
            session.execute("SET storage.allow_delete_query = 'true'")
            for statement in after:
                session.execute(statement.encode())


def messages(preflight: Preflight) -> list[str]:
    return [problem.message for problem in preflight.problems]


def test_a_new_project_is_ready(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    found = restoring.preflight(backup, target)

    assert messages(found) == []
    assert found.objects["TABLE"] >= 5
    assert "users stay signed in only under the JWT secret of the source" in found.warnings


@pytest.mark.parametrize(("before", "after", "told"), IN_THE_WAY, ids=lambda v: str(v)[:40])
def test_what_is_in_the_way_is_told_and_nothing_is_touched(
    backup: RestoreSource,
    target: SupabaseStandIn,
    restoring: Restoring,
    *,
    before: list[str],
    after: list[str],
    told: str,
) -> None:
    with as_admin(target, before, after):
        found = restoring.preflight(backup, target)
        with pytest.raises(HoldfastError):
            restoring.restore(backup, target)

    assert any(told in message for message in messages(found))
    assert restoring.reached == []


def test_a_component_that_is_left_out_is_not_in_the_way(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    with as_admin(target, [USER], ["DELETE FROM auth.users"]):
        found = restoring.preflight(backup, target, Component.STORAGE)

    assert messages(found) == []


def test_rows_that_refer_to_users_who_are_left_out_are_told_by_their_constraint(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    left_out = (Component.DATABASE, Component.ROLES)

    found = restoring.preflight(backup, target, *left_out)
    with pytest.raises(Conflict, match="profiles_id_fkey"):
        restoring.restore(backup, target, *left_out)

    said = " refers to auth.users, whose rows are left out"
    assert messages(found) == [f"constraint profiles_id_fkey of table public.profiles{said}"]
    # a customer may be missing, so that these rows may come out well
    assert any("public.Order Items" in one and said in one for one in found.warnings)
    assert restoring.reached == []


def test_an_owner_that_nobody_makes_is_told(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    foreign = without(backup, "roles.sql")

    found = restoring.preflight(foreign, target)

    assert messages(found) == []
    assert any(
        note.message == "the target does not have the role report_team" for note in found.skipped
    )


def test_a_missing_extension_is_told(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    line = {"kind": "extension", "name": "pg_unheard_of", "schema": "extensions", "version": "1"}
    catalogue = b"".join(backup.artefacts["catalogue.jsonl"].open())
    other = changed(backup, "catalogue.jsonl", catalogue + json.dumps(line).encode())

    found = restoring.preflight(other, target)

    assert messages(found) == ["the target's server does not have the extension pg_unheard_of"]


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("access_token", "the target project has no access token"),
        ("storage_key", "the target project has no key to its Storage"),
    ],
)
def test_a_key_that_nobody_gave_is_told(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring, lacking: str, told: str
) -> None:
    request = request_of(backup, target)
    given = {"access_token": "token", "storage_key": "key", lacking: None}
    platform = PlatformTarget(target.settings, given["access_token"], given["storage_key"])

    found = restoring.restorer.preflight(replace(request, platform=platform), Bystander())

    assert told in messages(found)


def test_a_wrong_key_to_storage_is_told(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    request = request_of(backup, target, Component.STORAGE)
    assert request.platform is not None
    platform = replace(request.platform, storage_key="wrong")

    found = restoring.restorer.preflight(replace(request, platform=platform), Bystander())

    assert ["Storage of the target project refused the key" in m for m in messages(found)] == [True]


def test_a_scope_that_the_token_lacks_is_named(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    target.platform.scopes = frozenset({"auth:read"})
    try:
        found = restoring.preflight(backup, target, Component.FUNCTIONS)
    finally:
        target.platform.scopes = None

    assert ["edge_functions:read" in message for message in messages(found)] == [True]


def test_a_component_that_the_backup_does_not_hold_is_refused(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    with pytest.raises(InvalidRequest, match="does not hold the component config"):
        restoring.preflight(without(backup, "config.jsonl"), target, Component.CONFIG)


@pytest.mark.parametrize(
    "options",
    [
        RestoreOptions(clean=True, confirmation="127.0.0.1/postgres"),
        RestoreOptions(no_owner=True),
        RestoreOptions(selection=Selection(schemas=("public",))),
    ],
    ids=["clean", "no_owner", "selection"],
)
def test_what_would_take_grants_away_is_refused(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring, options: RestoreOptions
) -> None:
    request = replace(request_of(backup, target), options=options)

    with pytest.raises(Unsupported):
        restoring.restorer.preflight(request, Bystander())


def test_a_dump_of_rows_alone_is_refused(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    with pytest.raises(Conflict, match="type data"):
        restoring.preflight(replace(backup, schema=backup.main), target)


def test_a_file_that_is_not_what_its_listing_says_ends_the_restore(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    listing = b"".join(backup.artefacts[FILES].open())
    first = json.loads(listing.splitlines()[0])
    other = changed(backup, FILES, json.dumps({**first, "sha256": "0" * 64}).encode())
    emptied = ["DELETE FROM storage.objects", "DELETE FROM storage.buckets"]

    with as_admin(target, [], emptied), pytest.raises(IntegrityFailed, match="checksum"):
        restoring.restore(other, target, Component.STORAGE)

    assert restoring.reached == [TargetState.PARTIAL]


def test_users_come_all_or_none(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    refusing = "ALTER TABLE auth.users ADD CONSTRAINT late CHECK (email NOT LIKE 'user2@%')"
    with as_admin(target, [refusing], ["ALTER TABLE auth.users DROP CONSTRAINT late"]):
        report = restoring.restore(backup, target, Component.AUTH)
        with target.admin_session() as session:
            found = session.execute(b"SELECT count(*) FROM auth.users").fetchone()

    assert report.errors_total == 1
    assert report.errors[0].what == "rows of auth.dump"
    assert 'violates check constraint "late" (COPY users, line 2)' in report.errors[0].message
    assert found == (0,)
    assert restoring.reached == [TargetState.PARTIAL]


def test_no_value_of_a_refused_row_is_told(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    refusing = "ALTER TABLE auth.mfa_factors ADD CONSTRAINT late CHECK (secret IS NULL)"
    with as_admin(target, [refusing], ["ALTER TABLE auth.mfa_factors DROP CONSTRAINT late"]):
        report = restoring.restore(backup, target, Component.AUTH)

    assert report.errors_total == 1
    assert "canary" not in report.model_dump_json()


def test_a_platform_that_fails_names_the_function(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    target.http.troubles.append(Trouble("functions/deploy", 500, times=5))

    report = restoring.restore(backup, target, Component.FUNCTIONS)

    assert [note.what for note in report.errors] == ["function hello"]
    assert "the function hello" in report.errors[0].message
    assert report.restored == {"EDGE FUNCTION": 1}


def test_a_platform_that_is_busy_is_waited_for(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    busy = Trouble("functions/deploy", 429, times=1, headers={"Retry-After": "3"})
    target.http.troubles.append(busy)

    report = restoring.restore(backup, target, Component.FUNCTIONS)

    assert report.restored == {"EDGE FUNCTION": 2}
    assert restoring.pauses == [3.0]


def test_a_backup_of_a_plain_database_is_taken_by_its_archive_alone(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    plain = without(backup, *(name for name in backup.artefacts if name != "database.dump"))

    found = restoring.preflight(plain, target)

    assert found.objects["TABLE"] >= 5


def test_a_setting_that_the_plan_refuses_is_left_and_the_others_are_written(
    backup: RestoreSource, target: SupabaseStandIn, restoring: Restoring
) -> None:
    # the whole section, then the first of its two settings
    target.http.troubles.append(Trouble("PATCH /v1/.*/config/auth", 400, times=2))
    target.platform.configs["auth"]["site_url"] = "https://new.example.org"

    report = restoring.restore(backup, target, Component.CONFIG)

    assert report.errors == ()
    assert "setting auth.password_min_length" in {note.what for note in report.by_hand}
    assert target.platform.configs["auth"]["site_url"] == "https://shop.example.org"
