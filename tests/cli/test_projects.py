"""`holdfast projects …`, straight on the data folder and over HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap.services import embedded
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import AuthenticationFailed
from chalicelib.domain.refused_login import info_of
from chalicelib.postgres_ports import SourceReport
from chalicelib.settings import Settings
from tests.support.world import ScriptedEngine

CANARY = "canary-pw-31"
SOURCE = f"postgresql://backup:{CANARY}@db.example.org:6000/shop"
FIELDS = {
    "id",
    "name",
    "kind",
    "host",
    "port",
    "database",
    "user",
    "sslmode",
    "sslrootcert",
    "tags",
    "verification",
    "assertions",
    "retention",
    "supabase",
    "created_at",
    "updated_at",
    "discover_job_id",
}


def _create(shell: Any, *options: str, source: str = SOURCE) -> dict[str, Any]:
    done = shell.run("projects", "create", "env:SHOP", *options, "--json", SHOP=source)
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


def test_a_project_has_these_fields_and_no_others(either: Any) -> None:
    made = _create(either)

    shown = either.run("projects", "show", made["id"], "--json").json
    assert made.keys() == shown.keys() == FIELDS


def test_a_url_becomes_fields_and_a_name(either: Any) -> None:
    made = _create(either)

    assert (made["host"], made["port"], made["database"]) == ("db.example.org", 6000, "shop")
    assert (made["user"], made["sslmode"]) == ("backup", "require")
    assert made["name"] == "shop@db.example.org"


def test_projects_are_listed_newest_first(either: Any) -> None:
    made = [_create(either, "--name", name)["id"] for name in ("one", "two", "three")]

    listed = either.run("projects", "list", "--json").json

    assert [item["id"] for item in listed["items"]] == made[::-1]
    assert listed["next_cursor"] is None


def test_a_list_goes_on_where_it_stopped(either: Any) -> None:
    made = [_create(either, "--name", name)["id"] for name in ("one", "two", "three")]

    first = either.run("projects", "list", "--limit", "2", "--json").json
    rest = either.run("projects", "list", "--cursor", first["next_cursor"], "--json").json

    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]


def test_a_plain_list_tells_beside_it_how_to_go_on(either: Any) -> None:
    for name in ("one", "two"):
        _create(either, "--name", name)

    listed = either.run("projects", "list", "--limit", "1")

    assert listed.err.startswith("more: --cursor ")
    assert len(listed.out.splitlines()) == 1


def test_what_is_not_named_stays_as_it_is(either: Any) -> None:
    made = _create(either, "--tag", "team=web")

    changed = either.run("projects", "update", made["id"], "--name", "store", "--json").json

    same = FIELDS - {"name", "updated_at"}
    assert {name: changed[name] for name in same} == {name: made[name] for name in same}
    assert changed["name"] == "store"


def test_assertions_come_from_files_and_are_replaced_as_a_whole(
    either: Any, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.sql").write_text(f"SELECT true -- {name}\n")
    words = [f"--assertion={name}={tmp_path / name}.sql" for name in ("one", "two")]

    made = either.run("projects", "create", SOURCE, *words, "--json").json
    kept = either.run("projects", "update", made["id"], "--name", "n", "--json").json
    fewer = either.run("projects", "update", made["id"], words[1], "--json").json
    none = either.run("projects", "update", made["id"], "--no-assertions", "--json").json

    assert [one["sql"] for one in made["assertions"]] == [
        "SELECT true -- one",
        "SELECT true -- two",
    ]
    assert kept["assertions"] == made["assertions"]
    assert [one["name"] for one in fewer["assertions"]] == ["two"]
    assert none["assertions"] == []


def test_tags_are_replaced_as_a_whole(either: Any) -> None:
    made = _create(either, "--tag", "team=web", "--tag", "tier=1")

    changed = either.run("projects", "update", made["id"], "--tag", "tier=2", "--json").json

    assert changed["tags"] == {"tier": "2"}


def test_a_project_can_move_to_another_server(either: Any) -> None:
    made = _create(either)
    source = "postgresql://u2:canary-pw-32@[::1]/other?sslmode=disable"

    changed = either.run("projects", "update", made["id"], "--source", "env:S", "--json", S=source)

    assert (changed.json["host"], changed.json["port"]) == ("::1", 5432)
    assert (changed.json["database"], changed.json["user"]) == ("other", "u2")
    assert "canary" not in changed.out


def test_a_rotated_password_is_given_as_the_record_of_a_failed_backup_says(shell: Any) -> None:
    made = _create(shell)
    hint = info_of(AuthenticationFailed("refused"), made["id"]).hint
    words = re.findall("`holdfast (.+?)`", hint)[0].replace("env:NAME", "env:PW").split()

    changed = shell.run(*words, "--json", PW="canary-pw-57")

    projects = embedded(Settings(data=Path(shell.environment["HOLDFAST_DATA"]))).projects
    assert (changed.code, "canary" in changed.out) == (0, False)
    assert projects.connection(made["id"]).password == "canary-pw-57"


def test_a_deleted_project_is_gone(either: Any) -> None:
    made = _create(either)

    deleted = either.run("projects", "delete", made["id"], "--json")
    shown = either.run("projects", "show", made["id"], "--json")

    assert deleted.json == {"id": made["id"], "deleted": True}
    assert (shown.code, shown.json["error"]["code"]) == (1, "not_found")


@pytest.mark.parametrize("command", ["show", "update", "delete", "test", "estimate"])
def test_a_project_that_is_not_there_is_not_found(either: Any, command: str) -> None:
    done = either.run("projects", command, "01JD0000000000000000000000", "--json")

    assert (done.code, done.json["error"]["code"]) == (1, "not_found")
    assert done.json["error"].keys() == {"code", "message", "hint"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("postgresql://u:canary-pw-33@h/d#x", "must be written %23"),
        ("postgresql://u:canary-pw-33@h/d?options=-c", "is not taken"),
        ("postgresql://u:canary-pw-33@a,b/d", "one host"),
        ("mysql://u:canary-pw-33@h/d", "must begin with postgresql://"),
        ("postgresql://u:canary-pw-33@h:99999/d", "cannot"),
    ],
)
def test_a_url_that_cannot_be_is_refused_unrepeated(either: Any, source: str, reason: str) -> None:
    done = either.run("projects", "create", source)

    assert done.code == 2
    assert reason in done.err
    assert "canary" not in done.out + done.err


def test_no_answer_repeats_the_password(either: Any) -> None:
    project = _create(either)["id"]

    told = [
        either.run("projects", *words)
        for words in (
            ("list",),
            ("list", "--json"),
            ("show", project),
            ("show", project, "--json"),
            ("update", project, "--name", "x"),
            ("delete", project),
        )
    ]

    assert [done.code for done in told] == [0] * 6
    assert CANARY not in "".join(done.out + done.err for done in told)


def test_a_test_tells_what_a_backup_would_meet(remote: Any, served: Any) -> None:
    project = _create(remote)["id"]

    done = remote.run("projects", "test", project, "--json")

    assert (done.code, done.json["problems"]) == (0, [])
    assert done.json.keys() == {
        "server_version",
        "database",
        "user",
        "tls",
        "is_superuser",
        "bypasses_rls",
        "is_replica",
        "clients",
        "problems",
        "warnings",
    }
    assert served.engine.connections[0].password == CANARY


class WorriedEngine(ScriptedEngine):
    """Find something that would make every backup fail."""

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        return replace(super().test(connection), problems=("table t may not be read",))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_problem_found_by_a_test_is_told_and_ends_with_3(
    remote: Any, served: Any, form: tuple[str, ...]
) -> None:
    served.engine = WorriedEngine()
    project = _create(remote)["id"]

    done = remote.run("projects", "test", project, *form)

    assert done.code == 3
    assert "table t may not be read" in done.out


def test_an_estimate_tells_sizes(remote: Any) -> None:
    project = _create(remote)["id"]

    done = remote.run("projects", "estimate", project, "--json")

    assert done.json == {
        "tables": 2,
        "table_bytes": 100,
        "large_objects": 0,
        "database_bytes": 8_000_000,
        "locks": [],
        "transactions": [],
        "expected": {"seconds": 5.000005, "basis": "size at 20 MB/s, never run before"},
        "proof_bytes": 0,
        "scratch_bytes": None,
    }


def test_all_databases_of_a_server_become_projects(remote: Any) -> None:
    made = _create(remote, "--all-databases", "--tag", "team=web")

    listed = remote.run("projects", "list", "--json").json["items"]

    assert len(made["project_ids"]) == 2
    assert {item["database"] for item in listed} == {"shop", "app", "billing"}
    assert all(item["tags"] == {"team": "web"} for item in listed)
