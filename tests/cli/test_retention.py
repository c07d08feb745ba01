"""`holdfast retention …` and the policy of `holdfast projects update`, both ways."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def project(either: Any) -> str:
    made = either.run("projects", "create", "postgresql://u:canary-52@h/shop", "--json")
    return str(made.json["id"])


def test_a_policy_is_set_and_shown(either: Any, project: str) -> None:
    rules = ("--keep-last", "7", "--keep-monthly", "12", "--keep-timezone", "Europe/Berlin")

    done = either.run("projects", "update", project, *rules, "--json")

    said = {name: value for name, value in done.json["retention"].items() if value is not None}
    assert (said["keep_last"], said["monthly"], said["timezone"]) == (7, 12, "Europe/Berlin")
    assert "daily" not in said


@pytest.mark.parametrize("kind", ["projects", "schedules"])
def test_a_policy_is_taken_away(either: Any, project: str, kind: str) -> None:
    whose, rule = project, "--keep-last=7"
    if kind == "schedules":
        made = either.run("schedules", "create", "daily", "--project", project, "--json").json
        whose, rule = made["id"], "--keep=last=7"
    given = either.run(kind, "update", whose, rule, "--json").json["retention"]

    kept = either.run(kind, "update", whose, "--name", "other", "--json").json["retention"]
    gone = either.run(kind, "update", whose, "--no-retention", "--json").json["retention"]

    assert (given["keep_last"], kept, gone) == (7, given, None)


def test_rules_and_none_at_once_are_wrong_usage(either: Any, project: str) -> None:
    done = either.run("projects", "update", project, "--no-retention", "--keep-last", "7")

    assert done.code == 2
    assert "--no-retention goes without rules" in done.err


def test_a_preview_tries_a_policy_out(either: Any, project: str) -> None:
    done = either.run("retention", "preview", "--project", project, "--keep-last", "7", "--json")

    assert done.code == 0
    assert (done.json["policy"]["keep_last"], done.json["items"]) == (7, [])


def test_a_preview_sums_up_for_people(remote: Any, remote_backup: dict[str, Any]) -> None:
    project, backup = remote_backup["project_id"], remote_backup["id"]

    done = remote.run("retention", "preview", "--project", project, "--keep-daily", "3")

    first, *rest = done.out.splitlines()
    assert first.split("\t")[0] == backup
    assert first.split("\t")[2:] == ["validated", "yes", "newest-verified, min-keep, daily"]
    assert rest == ["1 kept, 0 removed (0 bytes)"]


def test_acceptance_is_remembered(either: Any, project: str) -> None:
    either.run("projects", "update", project, "--keep-last", "7")

    done = either.run("retention", "accept", "--project", project, "--json")

    assert done.code == 0
    assert done.json["accepted_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "project_id or schedule_id"),
        (("--project", "PROJECT"), 2, "no retention policy"),
        (("--project", "nowhere", "--keep-last", "1"), 1, "no such project"),
        (("--schedule", "nowhere"), 1, "no such project"),
        (("--project", "PROJECT", "--keep-last", "0"), 2, "--keep-last"),
        (("--project", "PROJECT", "--keep-timezone", "Mars"), 2, "time zone"),
    ],
)
def test_what_cannot_be_previewed_says_so(
    either: Any, project: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    given = [project if word == "PROJECT" else word for word in arguments]

    done = either.run("retention", "preview", *given)

    assert (done.code, said in done.err) == (code, True), done.err
