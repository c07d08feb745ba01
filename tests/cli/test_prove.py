"""`holdfast prove`: what it accepts, what it says, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.postgres


@pytest.fixture
def dumped(terminal: Any, shop_url: str) -> Path:
    done = terminal.run("dump", shop_url, "-o", "shop.dump", "--json")
    assert done.code == 0, done.out
    file: Path = terminal.folder / "shop.dump"
    return file


def change(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(statement.encode())


def test_an_untouched_dump_is_equal(terminal: Any, dumped: Path) -> None:
    done = terminal.run("prove", dumped, "--json")

    assert done.code == 0, done.out + done.err
    assert done.json["outcome"] == "equal"
    assert done.json["compared"]["digests"] == done.json["compared"]["tables"] > 0
    assert terminal.files() == {"shop.dump", "shop.dump.manifest.json"}


def test_people_read_a_line_for_each_thing(terminal: Any, dumped: Path) -> None:
    done = terminal.run("prove", dumped, "--level", "counts")

    assert done.code == 0, done.err
    assert done.out.startswith("proof: equal\n")
    assert "compared: rows" in done.out


def test_a_source_that_has_changed_is_refused_with_3_and_named(
    terminal: Any, dumped: Path, shop_url: str
) -> None:
    change(shop_url, "UPDATE shop.products SET title = title || '!' WHERE ctid = '(0,1)'")

    done = terminal.run("prove", dumped, "--against", "env:SHOP", "--json", SHOP=shop_url)

    assert done.code == 3
    named = {one["what"] for one in done.json["differences"]}
    assert named == {"contents of table shop.products"}


@pytest.mark.parametrize("damage", ["dump", "manifest"])
def test_a_damaged_file_is_refused_before_anything_is_restored(
    terminal: Any, dumped: Path, damage: str
) -> None:
    sidecar = dumped.with_name("shop.dump.manifest.json")
    if damage == "dump":
        dumped.write_bytes(dumped.read_bytes()[:-1] + b"x")
    else:
        envelope = json.loads(sidecar.read_text())
        envelope["payload"] = envelope["payload"].replace('"rows":', '"rows":1', 1)
        sidecar.write_text(json.dumps(envelope))

    done = terminal.run("prove", dumped, "--json")

    assert done.code == 3
    assert done.json["error"]["code"] == "integrity_failed"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT count(*) > 5 FROM shop.customers\n", 0),
        ("SELECT count(*) > 5000 FROM shop.customers\n", 3),
    ],
)
def test_what_must_hold_in_the_copy_is_asked_from_files(
    terminal: Any, dumped: Path, sql: str, code: int
) -> None:
    (terminal.folder / "enough.sql").write_text(sql)

    done = terminal.run("prove", dumped, "--assertion", "enough=enough.sql", "--json")

    assert done.code == code
    assert done.json["compared"]["assertions"] == 1
    named = [one["what"] for one in done.json["differences"]]
    assert named == (["assertion enough"] if code else [])


def test_a_stranger_s_dump_is_restored_only_when_trusted_and_by_sound_clients(
    terminal: Any, dumped: Path
) -> None:
    refused = terminal.run("prove", dumped, "--data", "elsewhere", "--json")
    trusted = terminal.run("prove", dumped, "--data", "elsewhere", "--trust-archive", "--json")

    assert refused.code == 3
    assert "--trust-archive" in refused.json["error"]["hint"]
    assert trusted.json["outcome"] == "unproven"
    assert "known hole" in trusted.json["unproven"][0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["missing.dump"], 2), (["plain.dump"], 2), (["shop.dump", "--level", "strict"], 2)],
)
def test_what_cannot_be_is_told(
    terminal: Any, dumped: Path, arguments: list[str], code: int
) -> None:
    assert dumped.exists()
    (terminal.folder / "plain.dump").write_bytes(b"PGDMP")

    done = terminal.run("prove", *arguments, "--json")

    assert done.code == code
    assert done.json["error"]["hint"]
