from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import Entry, Writer, small_archive


@pytest.fixture
def archive(shell: Any) -> Path:
    """A dump that somebody else made: no manifest beside it."""
    path = Path("foreign.dump").absolute()
    path.write_bytes(small_archive().data)
    return path


@pytest.fixture
def dumped(shell: Any, shop_url: str) -> Path:
    """A dump of ours, with its manifest."""
    done = shell.run("dump", shop_url, "-o", "shop.dump")
    assert done.code == 0, done.err
    return Path("shop.dump").absolute()


def test_contents_of_a_foreign_dump_are_shown(shell: Any, archive: Path) -> None:
    done = shell.run("contents", archive)

    assert done.code == 0
    assert done.out.splitlines()[0].startswith("database shop, PostgreSQL 18.6")
    assert "  TABLE people, " in done.out


def test_unknown_sizes_are_said(shell: Any, archive: Path) -> None:
    archive.write_bytes(small_archive(Writer(located=False)).data)

    assert "sizes of tables are not known" in shell.run("contents", archive).out


def test_rows_of_a_foreign_dump_are_shown(shell: Any, archive: Path) -> None:
    done = shell.run("rows", archive, "public.people", "--limit", "2")

    assert (done.code, done.out) == (0, "1\tann\n2\t\\N\n")
    assert "more rows" in done.err


def test_rows_are_json_for_programs(shell: Any, archive: Path) -> None:
    done = shell.run("rows", archive, "public.people", "--json")

    assert done.json["columns"] == ["id", "name"]
    assert done.json["rows"][2] == ["3", "two\nlines"]


@pytest.mark.parametrize(
    ("target", "code"),
    [("nowhere", "invalid_request"), (".", "invalid_request"), ("script.sql", "unsupported")],
)
def test_what_cannot_be_looked_into_is_refused(shell: Any, target: str, code: str) -> None:
    Path("script.sql").write_text("--\n-- PostgreSQL database dump\n--\n")

    done = shell.run("contents", target, "--json")

    assert done.json["error"]["code"] == code


def test_damage_ends_with_3(shell: Any, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:200])

    assert shell.run("contents", archive).code == 3


def test_a_dump_of_another_size_than_its_manifest_is_refused(shell: Any, dumped: Path) -> None:
    with dumped.open("ab") as file:
        file.write(b"\0")

    assert shell.run("rows", dumped, "shop.products").code == 3


def test_a_dump_of_ours_knows_rows_and_sizes(shell: Any, dumped: Path) -> None:
    found = shell.run("contents", dumped, "--json").json

    shop = next(one for one in found["schemas"] if one["name"] == "shop")
    products = next(one for one in shop["objects"] if one["name"] == "products")
    assert found["sizes_from"] == "manifest"
    assert products["rows"] > 0
    assert 0 < products["stored_bytes"] < found["stored_bytes"]


def test_a_table_of_ours_is_shown_without_reading_the_others(shell: Any, dumped: Path) -> None:
    found = shell.run("rows", dumped, "shop.products", "--limit", "3", "--json").json

    assert len(found["rows"]) == 3
    assert found["read_bytes"] < dumped.stat().st_size


def test_a_backup_of_the_service_is_looked_into_by_its_id(remote: Any, served: Any) -> None:
    served.engine.content = small_archive().data
    project = remote.run("projects", "create", "postgresql://u:canary-41@h/shop", "--json").json
    made = remote.run("backups", "create", "--project", project["id"], "--wait", "--json").json

    listed = remote.run("contents", made["id"], "--json")
    rows = remote.run("rows", made["id"], "public.people", "--json")

    assert listed.json["database"] == "shop"
    assert rows.json["rows"][0] == ["1", "ann"]


def test_a_backup_of_this_machine_knows_rows_and_sizes(shell: Any, shop_url: str) -> None:
    project = shell.run("projects", "create", shop_url, "--json").json
    made = shell.run("backups", "create", "--project", project["id"], "--wait", "--json").json

    found = shell.run("contents", made["id"], "--json").json
    rows = shell.run("rows", made["id"], "shop.products", "--limit", "3", "--json").json

    shop = next(one for one in found["schemas"] if one["name"] == "shop")
    assert found["sizes_from"] == "manifest"
    assert sum(one["rows"] or 0 for one in shop["objects"]) > 100
    assert (len(rows["rows"]), rows["is_all"]) == (3, False)
    assert rows["read_bytes"] < made["stored_bytes"]


def test_a_table_with_a_slash_in_its_name_is_found(remote: Any, served: Any) -> None:
    served.engine.content = Writer().archive(Entry(10, "a/b", rows=b"1\tann\n")).data
    project = remote.run("projects", "create", "postgresql://u:canary-41@h/shop", "--json").json
    made = remote.run("backups", "create", "--project", project["id"], "--wait", "--json").json

    done = remote.run("rows", made["id"], 'public."a/b"', "--json")

    assert done.json["rows"] == [["1", "ann"]]


@pytest.mark.parametrize("name", ["shop.nothing", "products", "shop.100%", "shop.a/b"])
def test_a_table_that_is_not_there_is_not_found(remote: Any, served: Any, name: str) -> None:
    served.engine.content = small_archive().data
    project = remote.run("projects", "create", "postgresql://u:canary-41@h/shop", "--json").json
    made = remote.run("backups", "create", "--project", project["id"], "--wait", "--json").json

    done = remote.run("rows", made["id"], name, "--json")

    assert done.json["error"]["code"] == "not_found"
