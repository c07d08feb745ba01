"""`holdfast backups …`, over HTTP with a worker whose engine is scripted, or on the data folder."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import LockTimeout
from chalicelib.domain.record import Query
from chalicelib.postgres_ports import Watch
from tests.support.world import DUMP

FIELDS = {
    "id",
    "project_id",
    "name",
    "description",
    "trigger",
    "type",
    "compression",
    "format",
    "components",
    "engine",
    "tags",
    "migration_id",
    "hold_until",
    "status",
    "step",
    "attempt",
    "steps",
    "requested_by",
    "created_at",
    "started_at",
    "completed_at",
    "expires_at",
    "expected_at",
    "schedule_id",
    "deletion_error",
    "duration_s",
    "raw_bytes",
    "stored_bytes",
    "rows",
    "files",
    "checksum",
    "artefacts",
    "manifest_sha256",
    "server_version",
    "client_version",
    "restore_needs",
    "warnings",
    "validated",
    "verification",
    "error",
    "parent_id",
    "locked",
    "cancel_requested",
    "deleting",
    "gate",
    "progress",
}
WAITED = ("--wait", "--json")


def _project(shell: Any) -> str:
    made = shell.run("projects", "create", "postgresql://u:canary-41@h/shop", "--json")
    return str(made.json["id"])


def _pending(shell: Any, project: str, *options: str) -> dict[str, Any]:
    done = shell.run("backups", "create", "--project", project, *options, "--json")
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


def _listed(shell: Any, *filters: str) -> list[str]:
    page = shell.run("backups", "list", *filters, "--json").json
    return [item["id"] for item in page["items"]]


def test_without_waiting_a_backup_is_pending(shell: Any) -> None:
    made = _pending(shell, _project(shell))

    assert made.keys() == FIELDS
    assert (made["status"], made["name"] != "", made["artefacts"]) == ("pending", True, [])


def test_a_waited_for_backup_is_completed_and_told_in_full(remote_backup: dict[str, Any]) -> None:
    assert remote_backup.keys() == FIELDS
    assert (remote_backup["status"], remote_backup["validated"], remote_backup["rows"]) == (
        "completed",
        True,
        42,
    )
    assert remote_backup["checksum"] == {
        "algorithm": "sha256",
        "value": hashlib.sha256(DUMP).hexdigest(),
    }
    assert {one["name"] for one in remote_backup["artefacts"]} == {"database.dump"}


def test_a_backup_that_is_shown_has_a_line_for_each_step(
    remote: Any, remote_backup: dict[str, Any]
) -> None:
    shown = remote.run("backups", "show", remote_backup["id"]).out

    lines = [line for line in shown.splitlines() if line.startswith("steps.")]
    assert [line.partition("\t")[0] for line in lines] == [f"steps.{n}" for n in range(1, 6)]
    assert all(
        one["words"] in line for one, line in zip(remote_backup["steps"], lines, strict=True)
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--type", "schema"), {"type": "schema"}),
        (("--type", "data", "--format", "plain"), {"type": "data", "format": "plain"}),
        (("--compression", "zstd"), {"compression": "zstd"}),
        (("--name", "ü 'x'"), {"name": "ü 'x'"}),
        (("--description", "two\nlines"), {"description": "two\nlines"}),
        (("--trigger", "pre-migration"), {"trigger": "pre-migration"}),
        (("--tag", "a=1", "--tag", "b=2"), {"tags": {"a": "1", "b": "2"}}),
    ],
)
def test_every_option_becomes_a_field(
    shell: Any, options: tuple[str, ...], expected: dict[str, object]
) -> None:
    made = _pending(shell, _project(shell), *options)

    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize(
    "options",
    [
        ("--type", "incremental"),
        ("--type", "everything"),
        ("--compression", "bzip2", "--format", "custom"),
        ("--compression", "lz4"),
        ("--trigger", "cron"),
        ("--name", "two\nlines"),
        ("--name", ""),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(either: Any, options: tuple[str, ...]) -> None:
    done = either.run("backups", "create", "--project", _project(either), *options)

    assert done.code == 2
    assert "hint: " in done.err
    assert _listed(either) == []


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2", "zstd"])
def test_plain_backups_carry_their_codec_in_the_name(
    remote: Any, remote_project: str, compression: str
) -> None:
    options = ("--format", "plain", "--compression", compression)

    made = remote.run("backups", "create", "--project", remote_project, *options, *WAITED).json

    suffix = {"none": "", "gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}[compression]
    assert made["artefacts"][0]["name"] == "database.sql" + suffix


def test_lists_are_filtered(shell: Any) -> None:
    one, other = _project(shell), _project(shell)
    full = _pending(shell, one, "--name", "before the move")["id"]
    schema = _pending(shell, other, "--type", "schema", "--trigger", "scheduled")["id"]
    shell.run("backups", "cancel", full)

    assert _listed(shell) == [schema, full]
    assert _listed(shell, "--project", one) == [full]
    assert _listed(shell, "--type", "schema") == [schema]
    assert _listed(shell, "--trigger", "scheduled") == [schema]
    assert _listed(shell, "--status", "cancelled") == [full]
    assert _listed(shell, "--search", "the MOVE") == [full]
    assert _listed(shell, "--from", "2100-01-01T00:00:00Z") == []
    assert _listed(shell, "--to", "2000-01-01T00:00:00Z") == []
    assert _listed(shell, "--from", "2000-01-01T00:00:00Z", "--limit", "1") == [schema]


@pytest.mark.parametrize("when", ["yesterday", "12", "2026-01-01T00:00:00", "1960-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_wrong_usage(either: Any, when: str) -> None:
    done = either.run("backups", "list", "--from", when, "--json")

    assert (done.code, done.json["error"]["code"]) == (2, "invalid_request")
    assert "from" in done.json["error"]["message"]


def test_a_plain_list_has_a_field_for_every_column(shell: Any) -> None:
    made = _pending(shell, _project(shell), "--name", "a\u0085b")

    line = shell.run("backups", "list").out.rstrip("\n")

    assert line.split("\t")[:4] == [made["id"], "pending", "full", "a b"]
    assert len(line.split("\t")) == 9


def test_a_pending_backup_is_cancelled_at_once(shell: Any) -> None:
    made = _pending(shell, _project(shell))

    cancelled = shell.run("backups", "cancel", made["id"], "--json")

    assert (cancelled.code, cancelled.json["status"]) == (0, "cancelled")


def test_a_backup_that_has_ended_is_not_cancelled(
    remote: Any, remote_backup: dict[str, Any]
) -> None:
    done = remote.run("backups", "cancel", remote_backup["id"], "--json")

    assert (done.code, done.json["error"]["code"]) == (1, "conflict")


def test_a_request_waits_until_a_worker_has_time(
    remote: Any, remote_project: str, served: Any
) -> None:
    served.hold.set()
    made = _pending(remote, remote_project)
    before = remote.run("backups", "show", made["id"], "--json").json["status"]

    served.hold.clear()
    verified = remote.run("projects", "test", remote_project)

    assert (before, verified.code) == ("pending", 0)
    assert remote.run("backups", "show", made["id"], "--json").json["status"] == "completed"


def test_waiting_for_a_backup_that_is_cancelled_ends_with_130(
    remote: Any, remote_project: str, served: Any
) -> None:
    def cancel_and_go_on(watch: Watch) -> None:
        (running,) = _items(served)
        served.services.backups.cancel("test", running)
        watch.check()
        threading.Event().wait(1.1)  # the flag is looked at once a second
        watch.check()

    served.engine.during = cancel_and_go_on

    done = remote.run("backups", "create", "--project", remote_project, *WAITED)

    assert (done.code, done.json["error"]["code"]) == (130, "cancelled")


def _items(served: Any) -> list[str]:
    return [item.id for item in served.services.ledger.catalog.find(Query(Backup)).items]


def test_a_failed_backup_gives_its_exit_code_and_its_hint(
    remote: Any, remote_project: str, served: Any
) -> None:
    def refuse() -> None:
        raise LockTimeout("a lock was held for too long", hint="Find who holds it.")

    served.engine.planning = refuse

    done = remote.run("backups", "create", "--project", remote_project, "--wait")

    assert done.code == 1
    assert done.err.endswith("a lock was held for too long\nhint: Find who holds it.\n")


def test_a_verified_backup_says_who_read_it(remote: Any, remote_backup: dict[str, Any]) -> None:
    done = remote.run("backups", "verify", remote_backup["id"], "--json")

    assert done.json == {
        "backup_id": remote_backup["id"],
        "validated": True,
        "read_by": "pg_restore 18.6",
        "reasons": [],
    }


def test_a_damaged_backup_counts_as_not_validated(
    remote: Any, remote_backup: dict[str, Any], served: Any
) -> None:
    stored = next((served.services.settings.data / "objects").rglob("database.dump"))
    stored.chmod(0o600)
    stored.write_bytes(DUMP[:-1] + b"?")

    verified = remote.run("backups", "verify", remote_backup["id"])
    shown = remote.run("backups", "show", remote_backup["id"], "--json").json

    assert verified.code == 3
    assert (shown["status"], shown["validated"]) == ("completed", False)


def test_what_people_say_of_a_backup_can_be_changed(shell: Any) -> None:
    made = _pending(shell, _project(shell), "--tag", "a=1")
    words = ("--name", "new", "--description", "why", "--tag", "b=2", "--lock")

    changed = shell.run("backups", "update", made["id"], *words, "--json").json

    told = {"name": "new", "description": "why", "tags": {"b": "2"}, "locked": True}
    assert changed == {**made, **told}


def test_no_answer_repeats_a_password(
    remote: Any, remote_backup: dict[str, Any], served: Any
) -> None:
    told = [
        remote.run("backups", "show", remote_backup["id"]).out,
        remote.run("backups", "list", "--json").out,
        json.dumps(remote_backup),
        (served.services.settings.data / "notices.jsonl").read_text(),
    ]

    assert "canary-41" not in "".join(told)
    assert served.engine.connections[0].password == "canary-41"
