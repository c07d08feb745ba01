"""What a client program is told, and how its password file is written."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import InvalidRequest, ScratchTooSmall
from chalicelib.engine.connection import SessionOptions
from chalicelib.engine.environment import (
    child_environment,
    file_on_disk,
    password_file,
    password_line,
)


def environment(host: str, hostaddr: str | None = None, **endpoint: str) -> dict[str, str]:
    connection = Connection(Endpoint.model_validate({"host": host, **endpoint}), "pw")
    options = SessionOptions("holdfast run", 1.0, hostaddr)
    return child_environment(connection, options, Path("/scratch/pgpass"))


@pytest.mark.parametrize(
    ("password", "line"),
    [
        ("plain", "*:*:*:*:plain\n"),
        ("a:b", "*:*:*:*:a\\:b\n"),
        ("a\\b", "*:*:*:*:a\\\\b\n"),
        ("#x", "*:*:*:*:#x\n"),
        ("", "*:*:*:*:\n"),
    ],
)
def test_colons_and_backslashes_are_escaped(password: str, line: str) -> None:
    assert password_line(password) == line


@given(st.text(st.characters(exclude_characters="\r\n\0")))
def test_what_libpq_reads_is_the_password(password: str) -> None:
    escaped = password_line(password).removeprefix("*:*:*:*:").removesuffix("\n")

    assert _read_as_libpq_does(escaped) == password


@pytest.mark.parametrize("password", ["a\nb", "a\r", "\0"])
def test_a_line_break_is_refused_unquoted(password: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        password_line(password)

    assert password not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="NOT TESTED: no files in memory here")
def test_a_password_file_lies_in_memory_only(tmp_path: Path) -> None:
    with password_file("pw", tmp_path) as path:
        mode = stat.S_IMODE(path.stat().st_mode)
        said = subprocess.run(["cat", path], capture_output=True, check=True).stdout

    assert (said, mode, list(tmp_path.iterdir())) == (b"*:*:*:*:pw\n", 0o600, [])
    assert not path.exists()


def test_the_file_goes_away_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with file_on_disk("a line", tmp_path / "made") as path:
            assert path.read_text() == "a line"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert list((tmp_path / "made").iterdir()) == []


def test_a_scratch_that_takes_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ScratchTooSmall), file_on_disk("a line", tmp_path / "file" / "folder"):
        pass


def test_the_address_is_pinned_while_the_name_stays_for_tls() -> None:
    found = environment("db.example", "203.0.113.7")

    assert (found["PGHOST"], found["PGHOSTADDR"]) == ("db.example", "203.0.113.7")


def test_a_socket_has_no_address() -> None:
    assert "PGHOSTADDR" not in environment("/run/postgresql", "203.0.113.7")


def test_a_root_certificate_is_passed_on_if_there_is_one() -> None:
    assert environment("h", sslrootcert="/ca.pem")["PGSSLROOTCERT"] == "/ca.pem"
    assert "PGSSLROOTCERT" not in environment("h")


def test_the_password_is_in_no_variable() -> None:
    assert not any(value == "pw" for value in environment("h").values())


def _read_as_libpq_does(escaped: str) -> str:
    read, letters = "", iter(escaped)
    for letter in letters:
        read += next(letters, "") if letter == "\\" else letter
    return read
