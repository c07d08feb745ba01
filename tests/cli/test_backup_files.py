"""`holdfast backups link | download | delete`, over HTTP or straight on the data folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.world import DUMP


def _pending(shell: Any) -> dict[str, Any]:
    project = shell.run("projects", "create", "postgresql://u:p@h/shop", "--json").json["id"]
    made: dict[str, Any] = shell.run("backups", "create", "--project", project, "--json").json
    return made


def _listed(shell: Any) -> list[str]:
    return [item["id"] for item in shell.run("backups", "list", "--json").json["items"]]


def test_a_link_says_what_it_gives_and_how_often(
    remote: Any, remote_backup: dict[str, Any]
) -> None:
    made = remote.run(
        "backups", "link", remote_backup["id"], "--uses", "3", "--hours", "2", "--json"
    ).json

    assert made.keys() == {"id", "url", "token", "expires_at", "artefact", "max_uses"}
    assert (made["artefact"], made["max_uses"]) == ("database.dump", 3)
    assert made["url"].endswith("/downloads/" + made["token"])


def test_a_link_downloads_without_any_key(remote: Any, remote_backup: dict[str, Any]) -> None:
    made = remote.run("backups", "link", remote_backup["id"], "--json").json

    answer = httpx.get(made["url"], follow_redirects=True)

    assert (answer.status_code, answer.content) == (200, DUMP)


def test_a_plain_link_is_on_a_line_of_its_own(remote: Any, remote_backup: dict[str, Any]) -> None:
    done = remote.run("backups", "link", remote_backup["id"])

    fields = dict(line.split("\t") for line in done.out.splitlines())
    assert fields["url"].startswith("http://127.0.0.1:")


def test_a_download_is_what_was_dumped_under_its_default_name(
    remote: Any, remote_backup: dict[str, Any]
) -> None:
    done = remote.run("backups", "download", remote_backup["id"], "--json")

    name = f"{remote_backup['id']}-database.dump"
    assert done.json == {
        "path": name,
        "bytes": len(DUMP),
        "sha256": hashlib.sha256(DUMP).hexdigest(),
    }
    assert Path(name).read_bytes() == DUMP


def test_a_download_takes_no_file_s_place_unless_told_to(
    remote: Any, remote_backup: dict[str, Any]
) -> None:
    Path("mine").write_text("precious")

    refused = remote.run("backups", "download", remote_backup["id"], "-o", "mine")
    kept = Path("mine").read_text()
    forced = remote.run("backups", "download", remote_backup["id"], "-o", "mine", "--force")

    assert (refused.code, kept) == (2, "precious")
    assert (forced.code, Path("mine").read_bytes()) == (0, DUMP)


def test_a_download_of_changed_bytes_leaves_no_file(
    remote: Any, remote_backup: dict[str, Any], served: Any
) -> None:
    stored = next((served.services.settings.data / "objects").rglob("database.dump"))
    stored.chmod(0o600)
    stored.write_bytes(DUMP[:-1] + b"?")

    done = remote.run("backups", "download", remote_backup["id"], "--json")

    assert (done.code, done.json["error"]["code"]) == (3, "integrity_failed")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("artefact", ["schema.dump", "../catalog.sqlite", ""])
def test_an_artefact_that_is_not_there_is_not_found(
    remote: Any, remote_backup: dict[str, Any], artefact: str
) -> None:
    done = remote.run("backups", "download", remote_backup["id"], "--artefact", artefact)

    assert done.code == 1
    assert "has no such artefact" in done.err


def test_a_backup_without_a_dump_yet_cannot_be_downloaded(shell: Any) -> None:
    made = _pending(shell)

    done = shell.run("backups", "download", made["id"])

    assert done.code == 1
    assert "is pending" in done.err


def test_a_deletion_asks_first(remote: Any, remote_backup: dict[str, Any]) -> None:
    asked = remote.run("backups", "delete", remote_backup["id"])

    assert asked.code != 0
    assert _listed(remote) == [remote_backup["id"]]


def test_a_deleted_backup_is_gone_with_its_objects(
    remote: Any, remote_backup: dict[str, Any], served: Any
) -> None:
    done = remote.run("backups", "delete", remote_backup["id"], "--yes", "--json")
    served.services.sweeper.sweep()

    assert done.json == {"id": remote_backup["id"], "deleted": True}
    assert remote.run("backups", "show", remote_backup["id"]).code == 1
    assert list(served.services.adapters.store.keys("")) == []


def test_a_locked_backup_is_not_deleted(remote: Any, remote_backup: dict[str, Any]) -> None:
    remote.run("backups", "update", remote_backup["id"], "--lock")

    done = remote.run("backups", "delete", remote_backup["id"], "--yes", "--json")

    assert (done.code, done.json["error"]["code"]) == (1, "conflict")


def test_a_pending_backup_is_not_deleted(shell: Any) -> None:
    made = _pending(shell)

    assert shell.run("backups", "delete", made["id"], "--yes").code == 1
