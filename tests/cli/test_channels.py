"""`holdfast channels …`, `holdfast audit …` and `holdfast stats`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import receiver

CANARY = "canary-of-a-channel-81bc"


@pytest.fixture
def url_file(tmp_path: Path) -> Path:
    path = tmp_path / "url"
    path.write_text(f"https://hooks.example.org/{CANARY}\n")
    return path


def make(shell: Any, url_file: Path, *options: str) -> dict[str, Any]:
    command = ("channels", "create", "on call", "--kind", "webhook", "--url-file", url_file)
    done = shell.run(*command, *options, "--json")
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


def test_a_channel_is_made_listed_and_shown_without_its_url(either: Any, url_file: Path) -> None:
    made = make(either, url_file, "--event", "backup.failed", "--tag", "stage=production")

    outputs = [
        either.run("channels", "list").out,
        either.run("channels", "show", made["id"]).out,
        either.run("channels", "show", made["id"], "--json").out,
    ]

    assert all(made["id"] in output for output in outputs)
    assert all(CANARY not in output and made["signing_secret"] not in output for output in outputs)
    assert (made["events"], made["tags"]) == (["backup.failed"], {"stage": "production"})


def test_a_channel_is_changed_and_deleted(either: Any, url_file: Path) -> None:
    made = make(either, url_file)

    changed = either.run("channels", "update", made["id"], "--disable", "--json").json
    deleted = either.run("channels", "delete", made["id"], "--json").json

    assert (changed["enabled"], deleted["deleted"]) == (False, True)
    assert either.run("channels", "list", "--json").json["items"] == []


def test_without_a_url_nothing_is_made(either: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    command = ("channels", "create", "x", "--kind", "webhook", "--url-file", tmp_path / "empty")

    done = either.run(*command, "--json")

    assert (done.code, done.json["error"]["message"]) == (2, "there is no URL to read")


@pytest.mark.parametrize(("status", "code"), [(204, 0), (500, 1)])
def test_a_test_says_whether_the_receiver_took_it(
    remote: Any, tmp_path: Path, status: int, code: int
) -> None:
    with receiver() as server:
        server.status = status
        (tmp_path / "url").write_text(server.url())
        made = make(remote, tmp_path / "url")

        done = remote.run("channels", "test", made["id"], "--json")

    listed = remote.run("channels", "deliveries", made["id"], "--json")
    assert (done.code, len(server.requests), listed.json["items"]) == (code, 1, [])


def test_the_log_shows_who_made_what(either: Any, url_file: Path) -> None:
    made = make(either, url_file)

    listed = either.run("audit", "list", "--what", "channel.created", "--json").json["items"]

    assert [event["subject_id"] for event in listed] == [made["id"]]
    assert CANARY not in either.run("audit", "list").out


def test_statistics_show_every_project(either: Any) -> None:
    either.run("projects", "create", "postgresql://u:p@h/d", "--name", "shop", "--json")

    shown = either.run("stats", "--days", "7", "--json").json["items"]

    assert [(item["project"], item["last_success_at"]) for item in shown] == [("shop", None)]
    assert "shop" in either.run("stats").out
