"""`holdfast restore`: a file by this machine, a backup by the service, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import contents, execute

pytestmark = pytest.mark.postgres


@pytest.fixture
def source(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    connection = database(postgres18)
    execute(
        connection,
        "CREATE TABLE orders AS SELECT generate_series(1, 30) n",
        "CREATE TABLE other AS SELECT 1 AS a",
    )
    return connection


@pytest.fixture
def target(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    return database(postgres18)


def url(connection: Connection) -> str:
    endpoint = connection.endpoint
    where = f"{endpoint.host}:{endpoint.port}/{endpoint.database}"
    return f"postgresql://{endpoint.user}:{connection.password}@{where}"


@pytest.fixture
def dumped(terminal: Any, source: Connection) -> Path:
    assert terminal.run("dump", url(source), "-o", "shop.dump").code == 0
    made: Path = terminal.folder / "shop.dump"
    return made


def test_a_file_comes_back_and_is_compared(
    terminal: Any, dumped: Path, source: Connection, target: Connection
) -> None:
    done = terminal.run("restore", dumped, "env:TARGET", TARGET=url(target))

    assert done.code == 0, done.err
    assert "rows: equal, 31 in 2 tables" in done.out
    assert contents(target) == contents(source)


def test_one_table_and_one_document(terminal: Any, dumped: Path, target: Connection) -> None:
    done = terminal.run("restore", dumped, url(target), "--table", "public.orders", "--json")

    assert (done.code, done.json["error"]) == (0, None)
    assert done.json["restored"] == {"TABLE": 1, "TABLE DATA": 1}
    assert list(contents(target)) == ["public.orders", "large objects"]


def test_a_file_has_no_components(terminal: Any, dumped: Path, target: Connection) -> None:
    done = terminal.run("restore", dumped, url(target), "--component", "auth")

    assert done.code == 2
    assert "a file is the database alone" in done.err


def test_a_dry_run_tells_and_changes_nothing(
    terminal: Any, dumped: Path, target: Connection
) -> None:
    done = terminal.run("restore", dumped, url(target), "--dry-run")

    assert done.code == 0
    assert done.out.splitlines()[-1] == "ready"
    assert contents(target) == {"large objects": []}


def test_a_dry_run_that_finds_problems_lists_them(
    terminal: Any, dumped: Path, target: Connection
) -> None:
    execute(target, "CREATE TABLE precious ()")

    done = terminal.run("restore", dumped, url(target), "--dry-run", "--json")

    assert done.code == 1
    assert [problem["code"] for problem in done.json["problems"]] == ["conflict"]
    assert done.json["error"]["code"] == "conflict"


def test_a_target_that_is_not_empty_is_left_alone(
    terminal: Any, dumped: Path, target: Connection
) -> None:
    execute(target, "CREATE TABLE precious ()")

    done = terminal.run("restore", dumped, url(target))

    assert done.code == 1
    assert "the target is untouched" in done.err
    assert list(contents(target)) == ["public.precious", "large objects"]


def test_clean_asks_for_the_name_of_the_target(
    terminal: Any, dumped: Path, source: Connection, target: Connection
) -> None:
    execute(target, "CREATE TABLE orders (wrong int)")
    name = f"{target.endpoint.host}/{target.endpoint.database}"

    refused = terminal.run("restore", dumped, url(target), "--clean")
    done = terminal.run("restore", dumped, url(target), "--clean", "--confirm", name)

    assert (refused.code, name in refused.err) == (2, True)
    assert done.code == 0, done.err
    assert contents(target) == contents(source)


def test_a_flipped_file_is_refused_before_the_target_is_reached(
    terminal: Any, dumped: Path
) -> None:
    data = bytearray(dumped.read_bytes())
    data[len(data) // 2] ^= 1
    dumped.write_bytes(data)

    done = terminal.run("restore", dumped, "postgresql://u@127.0.0.1:1/nowhere")

    assert done.code == 3
    assert "does not have the SHA-256 of its manifest" in done.err


def test_a_file_that_nobody_signed_needs_trust(
    terminal: Any, dumped: Path, target: Connection
) -> None:
    (dumped.parent / "shop.dump.manifest.json").unlink()

    refused = terminal.run("restore", dumped, url(target))
    trusted = terminal.run("restore", dumped, url(target), "--trust-archive")

    assert (refused.code, "--trust-archive" in refused.err) == (3, True)
    assert trusted.code == 1
    assert "known hole" in trusted.err
    assert contents(target) == {"large objects": []}


def test_another_key_is_not_ours(terminal: Any, dumped: Path, target: Connection) -> None:
    elsewhere = str(terminal.folder / "elsewhere")

    done = terminal.run("restore", dumped, url(target), HOLDFAST_DATA=elsewhere)

    assert done.code == 3
    assert "signed with another key" in done.err


def test_no_password_is_printed(terminal: Any, dumped: Path, target: Connection) -> None:
    wrong = url(Connection(target.endpoint, "canary-5a5a"))

    done = terminal.run("restore", dumped, wrong)

    assert done.code == 1
    assert "canary" not in done.out + done.err


def test_a_backup_of_the_service_comes_back_without_a_service_running(
    terminal: Any, source: Connection, target: Connection
) -> None:
    project = terminal.run("projects", "create", url(source), "--json").json["id"]
    backup = terminal.run("backups", "create", "--project", project, "--wait", "--json").json

    done = terminal.run("restore", backup["id"], url(target), "--json")
    listed = terminal.run("restores", "list", "--json").json["items"]

    assert done.code == 0, done.err
    assert [item["status"] for item in listed] == ["completed"]
    assert contents(target) == contents(source)


def test_a_backup_is_looked_at_beforehand(
    terminal: Any, source: Connection, target: Connection
) -> None:
    project = terminal.run("projects", "create", url(source), "--json").json["id"]
    backup = terminal.run("backups", "create", "--project", project, "--wait", "--json").json
    execute(target, "CREATE TABLE precious ()")

    done = terminal.run("restore", backup["id"], url(target), "--dry-run")

    assert done.code == 1
    assert "problem: the target is not empty" in done.out


def test_words_that_exclude_each_other(terminal: Any, dumped: Path) -> None:
    done = terminal.run("restore", dumped, "postgresql://h/d", "--schema-only", "--data-only")

    assert done.code == 2


def test_a_file_has_no_project_to_go_to(terminal: Any, dumped: Path) -> None:
    assert terminal.run("restore", dumped, "project:01JD").code == 2
