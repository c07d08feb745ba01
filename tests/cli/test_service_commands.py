"""The commands over the API, straight on the data folder: no service runs."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def project(terminal: Any, shop_url: str) -> str:
    done = terminal.run(
        "projects",
        "create",
        "env:SHOP",
        "--name",
        "shop",
        "--tag",
        "team=web",
        "--json",
        SHOP=shop_url,
    )
    assert done.code == 0, done.err
    return str(done.json["id"])


@pytest.fixture
def backup(terminal: Any, project: str) -> dict[str, Any]:
    done = terminal.run("backups", "create", "--project", project, "--wait", "--json")
    assert done.code == 0, done.out + done.err
    made: dict[str, Any] = done.json
    return made


def test_a_project_is_listed_without_its_password(
    terminal: Any, project: str, shop_url: str
) -> None:
    password = shop_url.split(":")[2].split("@", maxsplit=1)[0]

    listed = terminal.run("projects", "list", "--json")
    shown = terminal.run("projects", "show", project)

    assert [item["id"] for item in listed.json["items"]] == [project]
    assert listed.json["items"][0]["tags"] == {"team": "web"}
    assert password not in listed.out + shown.out


def test_a_project_can_be_changed_tested_sized_and_deleted(terminal: Any, project: str) -> None:
    changed = terminal.run("projects", "update", project, "--name", "store", "--json")
    tested = terminal.run("projects", "test", project, "--json")
    sized = terminal.run("projects", "estimate", project, "--json")
    deleted = terminal.run("projects", "delete", project)

    assert changed.json["name"] == "store"
    assert (tested.code, tested.json["problems"]) == (0, [])
    assert sized.json["tables"] >= 15
    assert deleted.code == 0
    assert terminal.run("projects", "show", project).code == 1


def test_a_backup_runs_inline_when_no_service_does(backup: dict[str, Any]) -> None:
    assert backup["status"] == "completed"
    assert backup["validated"] is True


def test_a_backup_is_downloaded_verified_labelled_and_deleted(
    terminal: Any, backup: dict[str, Any]
) -> None:
    backup_id = backup["id"]
    downloaded = terminal.run("backups", "download", backup_id, "--json")
    verified = terminal.run("backups", "verify", backup_id, "--json")
    locked = terminal.run("backups", "update", backup_id, "--lock", "--json")
    refused = terminal.run("backups", "delete", backup_id, "--yes")
    terminal.run("backups", "update", backup_id, "--unlock")
    deleted = terminal.run("backups", "delete", backup_id, "--yes")

    assert downloaded.json["sha256"] == backup["checksum"]["value"]
    assert terminal.files() == {f"{backup_id}-database.dump"}
    assert verified.json["validated"] is True
    assert locked.json["locked"] is True
    assert (refused.code, "locked" in refused.err) == (1, True)
    assert deleted.code == 0


def test_a_damaged_backup_is_refused_by_verify(terminal: Any, backup: dict[str, Any]) -> None:
    stored = next((terminal.folder / "data" / "objects").rglob("database.dump"))
    stored.chmod(0o600)
    data = bytearray(stored.read_bytes())
    data[-100] ^= 1
    stored.write_bytes(data)

    verified = terminal.run("backups", "verify", backup["id"], "--json")
    downloaded = terminal.run("backups", "download", backup["id"])

    assert verified.code == 3
    assert verified.json["error"]["code"] == "integrity_failed"
    assert downloaded.code == 3
    assert terminal.files() == set()


def test_a_backup_that_fails_is_the_command_s_failure(terminal: Any) -> None:
    url = "postgresql://postgres:x@127.0.0.1:1/none"
    project = terminal.run("projects", "create", url, "--json").json["id"]

    done = terminal.run("backups", "create", "--project", project, "--wait", "--json")

    assert done.code == 1
    assert done.json["error"]["code"] == "source_unreachable"


def test_an_interrupted_inline_backup_ends_as_failed(
    terminal: Any, project: str, dump_waits: Callable[[], None]
) -> None:
    process = terminal.start("backups", "create", "--project", project, "--wait", "--json")
    dump_waits()

    process.send_signal(signal.SIGINT)
    done = terminal.finish(process)

    listed = terminal.run("backups", "list", "--json").json["items"]
    assert done.code == 130
    assert [(item["status"], item["error"]["code"]) for item in listed] == [
        ("failed", "worker_lost")
    ]


@pytest.mark.parametrize(
    ("environment", "code", "reason"),
    [
        ({"HOLDFAST_URL": "http://127.0.0.1:1"}, 1, "HOLDFAST_API_KEY is not"),
        ({"HOLDFAST_URL": "http://127.0.0.1:1", "HOLDFAST_API_KEY": "k"}, 1, "did not answer"),
        ({"HOLDFAST_WORKERS": "many"}, 2, "HOLDFAST_WORKERS"),
    ],
)
def test_a_wrong_environment_is_named(
    terminal: Any, environment: dict[str, str], code: int, reason: str
) -> None:
    done = terminal.run("projects", "list", **environment)

    assert done.code == code
    assert reason in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("projects", "create", "env:SHOP", "--tag", "no-equals-sign"),
        ("backups", "create", "--project", "../../etc"),
        ("backups", "list", "--from", "yesterday"),
        ("backups", "list", "--limit", "0"),
        ("keys", "create", "x", "--role", "king"),
    ],
)
def test_wrong_usage_ends_with_2(terminal: Any, arguments: tuple[str, ...]) -> None:
    done = terminal.run(*arguments, SHOP="postgresql://h/d")

    assert done.code == 2
    assert done.err.startswith("error: ")


def test_doctor_finds_this_machine_fit(terminal: Any) -> None:
    done = terminal.run("doctor", "--json")

    assert done.code == 0
    assert done.json["healthy"] is True
    assert {f["what"] for f in done.json["findings"]} >= {"python", "postgresql clients"}
