from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

JSON_FIELDS = {
    "path",
    "bytes",
    "raw_bytes",
    "sha256",
    "engine",
    "seconds",
    "verify_seconds",
    "server_version",
    "client_version",
    "restore_needs",
    "type",
    "format",
    "compression",
    "rows",
    "tables",
    "manifest",
    "warnings",
}


def test_json_is_one_document_that_tells_what_lies_on_disk(terminal: Any, shop_url: str) -> None:
    done = terminal.run("dump", "env:SHOP", "-o", "shop.dump", "--json", SHOP=shop_url)

    file = terminal.folder / "shop.dump"
    assert done.code == 0
    assert done.err == ""
    assert done.json.keys() >= JSON_FIELDS
    assert done.json["bytes"] == file.stat().st_size
    assert done.json["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert terminal.files() == {"shop.dump", "shop.dump.manifest.json"}


def test_a_strict_dump_is_compared_with_a_second_reading_and_can_be_proven_by_it(
    terminal: Any, shop_url: str
) -> None:
    dumped = terminal.run("dump", shop_url, "-o", "shop.dump", "--verify", "strict", "--json")
    proven = terminal.run("prove", "shop.dump", "--level", "strict", "--json")

    assert (dumped.code, dumped.json["reasons"]) == (0, [])
    assert (proven.code, proven.json["level"]) == (0, "strict")


def test_a_plain_dump_cannot_be_strict_and_says_what_can(terminal: Any, shop_url: str) -> None:
    options = ("--format", "plain", "--verify", "strict")

    done = terminal.run("dump", shop_url, "-o", "shop.sql", *options, "--json")

    assert done.code == 2
    assert "custom" in done.json["error"]["hint"]
    assert terminal.files() == set()


def test_counts_are_those_of_the_source(terminal: Any, shop_url: str) -> None:
    done = terminal.run("dump", shop_url, "-o", "shop.dump", "--json")

    with psycopg.connect(shop_url) as session:
        customers = session.execute("SELECT count(*) FROM shop.customers").fetchone()
    assert customers == (600,)
    assert done.json["rows"] > 600
    assert done.json["tables"] == 18


def test_a_data_dump_brings_its_schema_along(terminal: Any, shop_url: str) -> None:
    done = terminal.run("dump", shop_url, "-o", "rows.dump", "--type", "data", "--json")

    assert done.code == 0
    assert terminal.files() == {"rows.dump", "rows.dump.manifest.json", "rows.dump.schema.dump"}


def test_plain_lines_show_progress_without_a_terminal(terminal: Any, shop_url: str) -> None:
    done = terminal.run("dump", shop_url, "-o", "shop.dump")

    assert "verify" in done.err
    assert done.out.startswith("shop.dump: ")
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("existing", ["shop.dump", "shop.dump.manifest.json"])
def test_an_existing_file_is_never_replaced(terminal: Any, shop_url: str, existing: str) -> None:
    (terminal.folder / existing).write_text("precious")

    done = terminal.run("dump", shop_url, "-o", "shop.dump")

    assert done.code == 2
    assert existing in done.err
    assert (terminal.folder / existing).read_text() == "precious"
    assert terminal.files() == {existing}


def test_force_replaces_an_existing_file(terminal: Any, shop_url: str) -> None:
    (terminal.folder / "shop.dump").write_text("old")

    done = terminal.run("dump", shop_url, "-o", "shop.dump", "--force")

    assert done.code == 0
    assert (terminal.folder / "shop.dump").read_bytes().startswith(b"PGDMP")


def test_a_wrong_password_leaves_nothing_and_is_not_repeated(terminal: Any, shop_url: str) -> None:
    wrong = shop_url.replace("@", "-Not-The-Password@", 1)

    done = terminal.run("dump", wrong, "-o", "shop.dump", "--json")

    assert done.code == 1
    assert done.json["error"]["code"] == "authentication_failed"
    assert done.json["error"].keys() == {"code", "message", "hint"}
    assert "Not-The-Password" not in done.out + done.err
    assert terminal.files() == set()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("env:NOT_SET", "-o", "x"), "NOT_SET is not set"),
        (("mysql://host/db", "-o", "x"), "must begin with postgresql://"),
        (("postgresql://h/d", "-o", "-"), "cannot go to stdout"),
        (("postgresql://h/d", "-o", "."), "is a folder"),
        (("postgresql://h/d", "-o", "x", "--type", "incremental"), "not available yet"),
        (
            ("postgresql://h/d", "-o", "x", "--compression", "bzip2", "--format", "custom"),
            "format plain only",
        ),
        (("postgresql://h/d",), "missing option"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(
    terminal: Any, arguments: tuple[str, ...], reason: str
) -> None:
    done = terminal.run("dump", *arguments)

    assert done.code == 2
    assert reason in done.err
    assert "hint: " in done.err
    assert terminal.files() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_dump_cleans_up_within_seconds(
    terminal: Any, shop_url: str, dump_waits: Callable[[], None], number: signal.Signals
) -> None:
    process = terminal.start("dump", shop_url, "-o", "shop.dump")
    dump_waits()
    begun = time.monotonic()

    process.send_signal(number)
    done = terminal.finish(process)

    assert done.code == 130
    assert "interrupted" in done.err
    assert time.monotonic() - begun < 5
    assert terminal.files() == set()


def test_an_interrupted_dump_leaves_no_session(
    terminal: Any,
    shop_url: str,
    dump_waits: Callable[[], None],
    sessions: Callable[..., list[int]],
    eventually: Callable[..., Any],
) -> None:
    process = terminal.start("dump", shop_url, "-o", "shop.dump")
    dump_waits()

    process.send_signal(signal.SIGINT)
    terminal.finish(process)

    # what remains is the session that holds the lock
    assert eventually(lambda: len(sessions()) == 1)


def test_a_folder_that_is_not_there_is_named(terminal: Any, shop_url: str) -> None:
    done = terminal.run("dump", shop_url, "-o", "nowhere/shop.dump", "--json")

    assert done.code == 1
    assert done.json["error"]["code"] == "storage_failed"
    assert "nowhere/shop.dump" in done.json["error"]["message"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 300 kB."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("NOT TESTED: this machine does not let us mount a small file system")
    yield folder
    subprocess.run(["/bin/umount", folder], check=True)


def test_a_full_disk_fails_the_dump_and_is_left_empty(
    terminal: Any, shop_url: str, small_disk: Path
) -> None:
    done = terminal.run(
        "dump",
        shop_url,
        "-o",
        small_disk / "shop.sql",
        "--format",
        "plain",
        "--compression",
        "none",
        "--json",
    )

    assert done.code == 1
    assert done.json["error"]["code"] == "storage_failed"
    assert "no space left" in done.json["error"]["message"]
    assert list(small_disk.iterdir()) == []
