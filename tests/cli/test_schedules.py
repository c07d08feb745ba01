"""`holdfast schedules …`, straight on the data folder and over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

SOURCE = "postgresql://backup:pw@db.example.org:6000/shop"


@pytest.fixture
def project(either: Any) -> str:
    done = either.run("projects", "create", "env:SHOP", "--tag", "env=prod", "--json", SHOP=SOURCE)
    made: str = done.json["id"]
    return made


def _create(shell: Any, *arguments: str) -> dict[str, Any]:
    done = shell.run("schedules", "create", *arguments, "--json")
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


def test_a_schedule_is_made_as_it_was_asked_for(either: Any, project: str) -> None:
    options = ["--timezone", "Europe/Berlin", "--jitter", "60", "--overlap", "queue"]
    backup = ["--type", "schema", "--compression", "gzip", "--tag", "a=b"]

    made = _create(either, "30 2 * * *", "--project", project, *options, *backup)

    assert (made["cron"], made["name"], made["project_id"]) == ("30 2 * * *",) * 2 + (project,)
    assert (made["timezone"], made["jitter_s"], made["overlap"]) == ("Europe/Berlin", 60, "queue")
    assert (made["options"]["type"], made["options"]["compression"]) == ("schema", "gzip")
    assert (made["tags"], len(made["next_runs"])) == ({"a": "b"}, 3)


def test_retention_is_said_by_rules(either: Any, project: str) -> None:
    made = _create(
        either, "daily", "--project", project, "--keep", "last=7", "--keep", "monthly=12"
    )

    kept = made["retention"]
    assert (kept["keep_last"], kept["monthly"], kept["daily"]) == (7, 12, None)


def test_schedules_are_listed_and_shown(either: Any, project: str) -> None:
    made = _create(either, "hourly", "--project", project, "--name", "often")

    listed = either.run("schedules", "list", "--project", project, "--json").json["items"]
    shown = either.run("schedules", "show", made["id"], "--json").json

    assert listed == [shown] == [made]


def test_a_change_leaves_the_rest(either: Any, project: str) -> None:
    made = _create(either, "daily", "--project", project, "--type", "schema")

    changes = ["--cron", "hourly", "--compression", "gzip"]
    changed = either.run("schedules", "update", made["id"], *changes, "--json").json

    assert (changed["cron"], changed["name"]) == ("hourly", "daily")
    assert (changed["options"]["type"], changed["options"]["compression"]) == ("schema", "gzip")


def test_a_disabled_schedule_has_no_next_run(either: Any, project: str) -> None:
    made = _create(either, "daily", "--project", project)

    changed = either.run("schedules", "update", made["id"], "--disable", "--json").json

    assert (changed["enabled"], changed["next"]) == (False, None)


def test_a_run_makes_backups_of_the_schedule(either: Any, project: str) -> None:
    made = _create(either, "daily", "--project-tag", "env=prod", "--type", "schema")

    started = either.run("schedules", "run", made["id"], "--json").json["items"]

    of_schedule = [(one["project_id"], one["schedule_id"], one["type"]) for one in started]
    assert of_schedule == [(project, made["id"], "schema")]


def test_a_deleted_schedule_is_gone(either: Any, project: str) -> None:
    made = _create(either, "daily", "--project", project)

    deleted = either.run("schedules", "delete", made["id"], "--json")

    assert deleted.json == {"id": made["id"], "deleted": True}
    assert either.run("schedules", "show", made["id"]).code == 1


def test_a_preview_shows_as_many_runs_as_asked_for(either: Any) -> None:
    shown = either.run("schedules", "preview", "0 0 29 2 *", "-n", "2", "--json").json

    assert [run[4:] for run in shown["runs"]] == ["-02-29T00:00:00Z"] * 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["daily"],
        ["daily", "--project", "p", "--project-tag", "a=b"],
        ["daily", "--project-tag", "a"],
        ["daily", "--project", "p", "--keep", "last=many"],
        ["daily", "--project", "p", "--keep", "centuries=1"],
        ["daily", "--project", "p", "--jitter", "-1"],
        ["daily", "--project", "p", "--overlap", "both"],
    ],
)
def test_what_cannot_be_said_is_wrong_usage(shell: Any, arguments: list[str]) -> None:
    assert shell.run("schedules", "create", *arguments).code == 2


@pytest.mark.parametrize("arguments", [["often"], ["daily", "--timezone", "Mars/Base"]])
def test_what_is_not_understood_is_refused(either: Any, arguments: list[str]) -> None:
    done = either.run("schedules", "preview", *arguments)

    assert done.code == 2
    assert "Traceback" not in done.err
