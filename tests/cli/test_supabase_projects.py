"""`holdfast projects create --kind supabase`, straight on the data folder and over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap.services import embedded
from chalicelib.settings import Settings

REF = "abcdefghijklmnopqrst"
KEYS = {"TOKEN": "sbp_canary-71", "STORAGE": "canary-72", "PW": "canary-73"}
WORDS = ("--access-token=env:TOKEN", "--storage-key=env:STORAGE", "--password=env:PW")


def create(shell: Any, *words: str, source: str = REF) -> Any:
    return shell.run("projects", "create", source, "--kind=supabase", *words, "--json", **KEYS)


def test_a_reference_and_keys_make_a_project(either: Any) -> None:
    done = create(either, *WORDS, "--component=database", "--component=auth", "--optional=auth")

    assert done.code == 0, done.err
    assert (done.json["kind"], done.json["user"]) == ("supabase", "postgres")
    assert done.json["supabase"]["components"] == ["database", "auth"]
    assert done.json["supabase"]["optional"] == ["auth"]
    assert "canary" not in done.out + done.err


def test_a_page_of_the_dashboard_is_recognised(either: Any) -> None:
    done = create(either, *WORDS, source=f"https://supabase.com/dashboard/project/{REF}/editor")

    assert (done.code, done.json["supabase"]["ref"]) == (0, REF)


def test_the_sql_of_the_readers_role_fits_the_project(shell: Any) -> None:
    done = create(shell, "--print-role-sql")

    sql = done.json["role_sql"]
    projects = embedded(Settings(data=Path(shell.environment["HOLDFAST_DATA"]))).projects
    project = projects.get(done.json["id"])
    password = projects.secrets.get(project.secret_name)
    assert (project.endpoint.user, len(password) > 30) == ("holdfast_reader", True)
    assert f"PASSWORD '{password}'" in sql
    assert "GRANT pg_read_all_data TO holdfast_reader" in sql


def test_the_sql_is_printed_once_and_never_shown_again(either: Any) -> None:
    made = either.run("projects", "create", REF, "--kind=supabase", "--print-role-sql")
    listed = either.run("projects", "list", "--json")
    shown = either.run("projects", "show", listed.json["items"][0]["id"], "--json")

    password = made.out.partition("PASSWORD '")[2].partition("'")[0]
    assert password
    assert made.out.count(password) == 1
    assert password not in listed.out + shown.out


def test_keys_can_be_replaced(either: Any) -> None:
    made = create(either).json

    words = ("--access-token=env:TOKEN", "--short-lived-auth", "--json")
    changed = either.run("projects", "update", made["id"], *words, **KEYS)

    assert changed.code == 0, changed.err
    assert changed.json["supabase"] == made["supabase"] | {"short_lived_auth": True}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--access-token=sbp_canary-71",), "env:NAME"),
        (("--access-token=env:NOWHERE",), "NOWHERE is not set"),
        (("--component=everything",), "everything"),
        (("--print-role-sql", "--password=env:PW"), "without --password"),
        (("--all-databases",), "one database"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    either: Any, words: tuple[str, ...], reason: str
) -> None:
    done = create(either, *words)

    assert done.code == 2
    assert reason in done.err + done.out
    assert "canary" not in done.err + done.out


def test_a_plain_project_takes_no_options_of_supabase(either: Any) -> None:
    url = "postgresql://u@db.example.org/d"

    role = either.run("projects", "create", url, "--print-role-sql")
    token = either.run("projects", "create", url, "--access-token=env:TOKEN", **KEYS)

    assert (role.code, token.code) == (2, 2)
    assert "kind supabase" in role.err
    assert "kind supabase" in token.err


def test_the_transaction_pooler_is_refused_with_the_way_out(either: Any) -> None:
    url = f"postgresql://postgres.{REF}:canary-73@aws-0-x.pooler.supabase.com:6543/postgres"

    done = either.run("projects", "create", "env:URL", "--kind=supabase", URL=url)

    assert done.code == 2
    assert "port 5432" in done.err
    assert "canary" not in done.err
