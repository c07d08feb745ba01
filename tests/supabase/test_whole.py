"""A whole project goes through the service into another one, and its users notice nothing.

Two stand-ins on one machine and the embedded service between them: asked over HTTP, worked off by
worker processes, with a proof. What each part promises by itself is tested beside that part.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.backup import Component
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.demo_inside import Caller, fields_of
from chalicelib.local.demo_supabase import SOURCE_REF, TARGET_REF, registered, service_in
from chalicelib.local.supabase.looks import looks
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.settings import Settings

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

USERS, FILES = 12, 9
CANARIES = (b"canary-", b"a password that no backup holds")
ALL = [component.value for component in Component]
CLOSED = {"removing orders as anon", "removing orders as authenticated", "orders as anon"}


@dataclass(frozen=True)
class Whole:
    """Hold both projects, the service and what it answered."""

    source: SupabaseStandIn
    target: SupabaseStandIn
    caller: Caller
    data: Path
    backup: dict[str, Any]
    restore: dict[str, Any]

    def artefact(self, name: str) -> bytes:
        """Return the stored bytes of an artefact."""
        (found,) = [path for path in self.data.rglob(name) if path.is_file()]
        return found.read_bytes()

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.artefact(name).splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Back one project up with a proof, and restore it into the other."""
    data = tmp_path_factory.mktemp("service")
    programs = find_servers()[0]
    with ExitStack() as stack:
        source, target = (
            stack.enter_context(SupabaseStandIn(programs, StandInOptions(ref=ref)))
            for ref in (SOURCE_REF, TARGET_REF)
        )
        source.seed(USERS, FILES)
        service = service_in(Settings(data=data), {"PATH": "/usr/bin:/bin"}, lambda _: None)
        caller = stack.enter_context(service)
        asked = {"project_id": registered(caller, source), "verification": "proof"}
        backup = done(caller, "/v1/backups", asked)
        target_id = registered(caller, target)
        body = {"backup_id": backup["id"], "target": {"project_id": target_id}}
        restore = done(caller, "/v1/restores", body)
        yield Whole(source, target, caller, data, backup, restore)


def done(caller: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    begun = caller.answer(caller.http.post(path, json=body))
    return caller.ended(f"{path}/{begun['id']}")


def test_backup_and_restore_complete(whole: Whole) -> None:
    assert whole.backup["error"] is None
    assert whole.restore["error"] is None
    assert (whole.backup["status"], whole.restore["status"]) == ("completed", "completed")


def test_every_component_is_taken(whole: Whole) -> None:
    assert sorted(whole.backup["components"]) == sorted(ALL)
    assert {one["name"] for one in whole.backup["artefacts"]} >= {
        "database.dump",
        "managed.dump",
        "auth.dump",
        "storage.dump",
        "roles.sql",
        "catalogue.jsonl",
        "storage-objects.jsonl",
        "storage-files.jsonl",
        "functions.jsonl",
        "config.jsonl",
    }


def test_the_backup_is_proven_and_says_what_is_not(whole: Whole) -> None:
    verification = whole.backup["verification"]

    assert verification["level"] == "proof"
    assert "statements on roles" in verification["report"]
    assert any("everything in schema vault" in one for one in verification["reasons"])


def test_users_of_the_restored_project_see_what_they_saw(whole: Whole) -> None:
    expected, found = looks(whole.source), looks(whole.target)

    assert found == expected
    assert len(expected) > FILES


def test_what_was_closed_to_visitors_still_is(whole: Whole) -> None:
    found = looks(whole.target)

    assert {what for what, seen in found.items() if seen == "permission denied"} == CLOSED
    assert found["profile of a new user"] == "1"


def test_the_restore_found_no_difference(whole: Whole) -> None:
    report = whole.restore["report"]

    assert report["errors"] == []
    assert report["comparison"]["differences"] == []
    assert report["comparison"]["rows"] > USERS


def test_secrets_are_listed_for_people_and_nothing_else_is(whole: Whole) -> None:
    told = " ".join(f"{one['what']} {one['message']}" for one in whole.restore["report"]["by_hand"])

    assert "report_reader" in told
    assert "payment key" in told
    assert "PAYMENT_KEY" in told
    assert "external_github_secret" in told


def test_scheduled_jobs_of_the_target_wait(whole: Whole) -> None:
    with whole.target.admin_session() as session:
        rows = session.execute("SELECT count(*), bool_or(active) FROM cron.job").fetchone()

    assert rows == (2, False)


def test_no_secret_lies_in_the_artefacts_for_anybody_to_read(whole: Whole) -> None:
    texts = {
        path: path.read_bytes()
        for path in whole.data.rglob("*")
        if path.is_file() and path.suffix in {".sql", ".jsonl", ".json", ".md", ".txt"}
    }

    assert texts
    assert [path for path, text in texts.items() if any(one in text for one in CANARIES)] == []


def test_a_single_file_can_be_downloaded_by_its_name(whole: Whole) -> None:
    (one,) = [file for file in whole.lines("storage-files.jsonl") if "日本語" in file["name"]]
    path = f"/v1/backups/{whole.backup['id']}/links"
    link = whole.caller.answer(whole.caller.http.post(path, json={"artefact": one["key"]}))

    answer = whole.caller.http.get(link["url"], follow_redirects=True)

    stored = whole.source.storage.path(one["bucket"], one["name"], one["version"])
    assert answer.content == stored.read_bytes()


def test_a_link_to_a_file_that_the_backup_does_not_hold_is_refused(whole: Whole) -> None:
    path = f"/v1/backups/{whole.backup['id']}/links"

    answer = whole.caller.http.post(path, json={"artefact": "files/4711"})

    assert answer.status_code == 400


def test_contents_list_the_tables_of_every_part_and_the_files(whole: Whole) -> None:
    found = job(whole, "contents", {})

    tables = {
        schema["name"]: {o["name"]: o["rows"] for o in schema["objects"] if o["kind"] == "TABLE"}
        for schema in found["schemas"]
    }
    assert tables["auth"]["users"] == USERS
    assert tables["storage"]["objects"] == FILES
    assert tables["public"]["profiles"] == USERS
    assert {part["name"] for part in found["parts"]} == {
        "managed.dump",
        "auth.dump",
        "storage.dump",
    }
    assert (found["files"]["count"], len(found["files"]["first"])) == (FILES, FILES)
    assert all(file["key"] for file in found["files"]["first"])


@pytest.mark.parametrize(("table", "rows"), [("profiles", 2), ("users", 2), ("objects", 2)])
def test_rows_can_be_looked_at_in_every_part(whole: Whole, table: str, rows: int) -> None:
    schema = {"profiles": "public", "users": "auth", "objects": "storage"}[table]

    found = job(whole, f"tables/{schema}.{table}/rows", {"limit": rows})

    assert len(found["rows"]) == rows
    assert found["is_all"] is False


def test_a_proof_can_be_made_again_later(whole: Whole) -> None:
    found = job(whole, "verify", {"level": "proof"})

    assert found["level"] == "proof"


def test_a_plain_project_is_proven_with_its_roles(whole: Whole) -> None:
    project = {**fields_of(whole.target.admin_connection), "name": "plain"}
    made = whole.caller.answer(whole.caller.http.post("/v1/projects", json=project))
    components = ["database", "roles"]
    asked = {"project_id": made["id"], "components": components, "verification": "proof"}

    backup = done(whole.caller, "/v1/backups", asked)

    assert (backup["status"], backup["components"]) == ("completed", components)
    assert backup["verification"]["level"] == "proof"
    assert "statements on roles" in backup["verification"]["report"]


def job(whole: Whole, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = whole.caller.http.post(f"/v1/backups/{whole.backup['id']}/{path}", json=body)
    ended = whole.caller.ended(f"/v1/jobs/{whole.caller.answer(answer)['id']}")
    assert ended["status"] == "completed", ended["error"]
    result: dict[str, Any] = ended["result"]
    return result


@pytest.fixture
def folder(whole: Whole, tmp_path: Path) -> Path:
    """Give a copy of the backup as it lies in the store, as somebody would download it."""
    dumps = whole.data.rglob("database.dump")
    (stored,) = [path for path in dumps if whole.backup["id"] in path.parts]
    copied = tmp_path / "downloaded"
    shutil.copytree(stored.parent, copied)
    return copied


def holdfast(whole: Whole, command: str, file: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "chalicelib.cli.main", command, str(file), "--data"]
    return subprocess.run(
        [*argv, str(whole.data), "--json"],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_downloaded_backup_is_checked_with_all_that_lies_beside_it(
    whole: Whole, folder: Path
) -> None:
    (folder / "managed.dump").unlink()

    done = holdfast(whole, "check", folder / "database.dump")

    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["signed_by"] == "ours"
    assert f"{FILES} files of the storage have the SHA-256 of their listing" in told["checked"]
    assert "managed.dump: it is not beside the dump" in told["not_checked"]


@pytest.mark.parametrize("name", ["auth.dump", "roles.sql", "files/1"])
def test_damage_beside_the_dump_is_found(whole: Whole, folder: Path, name: str) -> None:
    damaged = bytearray((folder / name).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / name).write_bytes(damaged)

    done = holdfast(whole, "check", folder / "database.dump")

    assert done.returncode == 3
    assert name in json.loads(done.stdout)["error"]["message"]


def test_a_downloaded_backup_can_be_proven_without_the_service(whole: Whole, folder: Path) -> None:
    done = holdfast(whole, "prove", folder / "database.dump")

    report = json.loads(done.stdout)
    assert (done.returncode, report["outcome"]) == (0, "equal")
    assert report["compared"]["rows"] > USERS
    assert report["compared"]["roles"] > 0
