"""`holdfast dump` that cannot go well: what it says, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres

CANARY = "canary-pw-51"


def _files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize("folder", ["/proc", "/sys", "/dev/null"])
def test_a_folder_that_takes_no_files_is_a_storage_failure(
    shell: Any, postgres18: LocalPostgres, folder: str
) -> None:
    done = shell.run("dump", postgres18.url(), "-o", f"{folder}/x.dump", "--json")

    assert (done.code, done.json["error"]["code"]) == (1, "storage_failed")
    assert f"{folder}/x.dump" in done.json["error"]["message"]


def test_an_unreachable_server_is_told_without_the_password(shell: Any) -> None:
    source = f"postgresql://u:{CANARY}@127.0.0.1:1/d"

    done = shell.run("dump", "env:S", "-o", "x.dump", S=source)

    assert done.code == 1
    assert "no PostgreSQL server answered" in done.err
    assert CANARY not in done.out + done.err
    assert _files() == []


class Stranger(socketserver.StreamRequestHandler):
    """A server of something else: it answers whatever it is asked."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")


def test_a_server_of_something_else_is_a_failure(shell: Any) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        port = server.server_address[1]
        done = shell.run("dump", f"postgresql://u@127.0.0.1:{port}/d", "-o", "x", "--json")
        server.shutdown()

    assert done.code == 1
    assert done.json["error"]["code"] in {"source_unreachable", "tls_failed"}
    assert _files() == []


def test_a_database_that_is_not_there_is_a_failure(shell: Any, postgres18: LocalPostgres) -> None:
    done = shell.run("dump", postgres18.url("not there"), "-o", "x.dump", "--json")

    assert (done.code, done.json["error"]["code"]) == (1, "source_unreachable")
    assert _files() == []


def test_a_table_that_may_not_be_read_is_named(
    shell: Any, postgres18: LocalPostgres, database: Callable[..., Connection]
) -> None:
    name = database(postgres18).endpoint.database
    with psycopg.connect(postgres18.url(name), autocommit=True) as session:
        session.execute("CREATE TABLE secrets (x int); DROP ROLE IF EXISTS reader_of_nothing")
        session.execute("CREATE ROLE reader_of_nothing LOGIN PASSWORD 'canary-pw-51'")
    source = f"postgresql://reader_of_nothing:{CANARY}@127.0.0.1:{postgres18.port}/{name}"

    done = shell.run("dump", "env:S", "-o", "x.dump", "--json", S=source)

    with psycopg.connect(postgres18.url(name), autocommit=True) as session:
        session.execute("DROP ROLE reader_of_nothing")
    assert (done.code, done.json["error"]["code"]) == (1, "permission_denied")
    assert "secrets" in done.json["error"]["message"]
    assert _files() == []


@pytest.mark.parametrize("extra", [(), ("--force",)])
def test_what_is_no_file_is_never_replaced(shell: Any, extra: tuple[str, ...]) -> None:
    os.mkfifo("pipe")

    done = shell.run("dump", "postgresql://127.0.0.1:1/d", "-o", "pipe", *extra)

    assert done.code == 2
    assert "not a file that could be replaced" in done.err
    assert Path("pipe").is_fifo()


def test_a_name_that_is_no_text_is_refused_before_anything_is_made(shell: Any) -> None:
    name = os.fsdecode(b"caf\xe9.dump")

    done = shell.run("dump", "postgresql://127.0.0.1:1/d", "-o", name)

    assert done.code == 2
    assert "not text in UTF-8" in done.err
    assert _files() == []


def test_a_file_that_failed_leaves_the_one_it_was_to_replace(shell: Any) -> None:
    Path("x.dump").write_text("precious")

    done = shell.run("dump", "postgresql://127.0.0.1:1/d", "-o", "x.dump", "--force")

    assert (done.code, Path("x.dump").read_text()) == (1, "precious")


def test_an_engine_that_is_not_there_is_wrong_usage(shell: Any) -> None:
    done = shell.run(
        "dump", "postgresql://127.0.0.1:1/d", "-o", "x", "--engine", "parallel", "--json"
    )

    assert (done.code, done.json["error"]["code"]) == (2, "unsupported")


def test_a_signing_key_that_is_none_stops_the_dump_first(
    shell: Any, postgres18: LocalPostgres
) -> None:
    Path("my.key").write_text("no key")

    done = shell.run("dump", postgres18.url(), "-o", "x.dump", "--key", "my.key", "--json")

    assert done.code != 0
    assert done.json["error"]["code"] in {"integrity_failed", "storage_failed"}
    assert _files() == ["my.key"]


def test_a_key_of_one_s_own_signs_and_is_asked_for_by_the_check(
    shell: Any, postgres18: LocalPostgres
) -> None:
    shell.run("dump", postgres18.url(), "-o", "x.dump", "--key", "my.key")

    ours = shell.run("check", "x.dump", "--key", "my.key", "--require-signature")
    other = shell.run("check", "x.dump", "--require-signature")

    assert (ours.code, other.code) == (0, 3)
    assert Path("my.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_what_a_killed_dump_left_is_in_nobody_s_way(
    terminal: Any, slow_url: str, slow_sessions: Callable[[], int], eventually: Callable[..., Any]
) -> None:
    options = ("dump", slow_url, "-o", "x.sql.bz2", "--compression", "bzip2")
    process = terminal.start(*options)
    eventually(lambda: any(p.stat().st_size > 0 for p in terminal.folder.glob(".x.sql.bz2*.part")))

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: slow_sessions() == 0)
    left = terminal.files()
    done = terminal.run("dump", slow_url, "-o", "x.sql.bz2", "--type", "schema")

    assert {name[0] for name in left} == {"."}
    assert done.code == 0, done.err
    assert terminal.files() - left == {"x.sql.bz2", "x.sql.bz2.manifest.json"}
    assert terminal.run("check", "x.sql.bz2").code == 0
