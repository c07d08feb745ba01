"""Promises of finding a place that an unprivileged account can reach."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from chalicelib.domain.errors import Internal, VersionUnsupported
from chalicelib.engine.server_programs import (
    ServerPrograms,
    find_servers,
    reachable_parent,
    reachable_programs,
)

OURSELVES = pwd.getpwuid(os.geteuid())


def private(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def test_a_private_folder_is_passed_over(tmp_path: Path) -> None:
    chosen = reachable_parent(OURSELVES, [private(tmp_path / "mine"), Path("/")])

    assert chosen == Path("/")


def test_a_folder_below_a_private_one_is_passed_over_too(tmp_path: Path) -> None:
    inner = private(tmp_path / "mine") / "inner"
    inner.mkdir(mode=0o755)

    assert reachable_parent(OURSELVES, [inner, Path("/")]) == Path("/")


def test_without_another_account_any_folder_will_do(tmp_path: Path) -> None:
    mine = private(tmp_path / "mine")

    assert reachable_parent(None, [mine]) == mine


def test_when_nothing_can_be_reached_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(Internal, match="can reach no folder"):
        reachable_parent(OURSELVES, [private(tmp_path / "mine"), tmp_path / "missing"])


def installation(root: Path, major: str, says: str, *programs: str) -> Path:
    """Make a folder of programs that all say the same of their version."""
    folder = root / major / "bin"
    folder.mkdir(parents=True)
    for name in programs or ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (folder / name).chmod(0o755)
    return folder


def found_below(root: Path) -> list[ServerPrograms]:
    """Leave out what this machine has besides."""
    return [server for server in find_servers(root) if server.bin_dir.is_relative_to(root)]


def test_servers_are_found_newest_first(tmp_path: Path) -> None:
    for major in ("9", "16", "17"):
        installation(tmp_path, major, f"postgres (PostgreSQL) {major}.4 (Debian {major}.4-1)")

    assert [server.version for server in found_below(tmp_path)] == ["17.4", "16.4", "9.4"]


@pytest.mark.parametrize("programs", [("postgres",), ("initdb",), ("psql",)])
def test_half_an_installation_is_none(tmp_path: Path, programs: tuple[str, ...]) -> None:
    installation(tmp_path, "17", "postgres (PostgreSQL) 17.4", *programs)

    assert found_below(tmp_path) == []


@pytest.mark.parametrize(
    ("says", "version", "major"),
    [
        ("postgres (PostgreSQL) 18.6", "18.6", 18),
        ("postgres (PostgreSQL) 19beta2", "19beta2", 19),
        ("postgres (PostgreSQL) 20devel", "20devel", 20),
        ("postgres (PostgreSQL) 17rc1 (Debian 17~rc1-1)", "17rc1", 17),
    ],
)
def test_versions_are_read_as_servers_say_them(
    tmp_path: Path, says: str, version: str, major: int
) -> None:
    installation(tmp_path, "x", says)

    (server,) = found_below(tmp_path)
    assert (server.version, server.major) == (version, major)


def test_a_server_that_does_not_say_its_version_is_refused(tmp_path: Path) -> None:
    installation(tmp_path, "x", "hello")

    with pytest.raises(VersionUnsupported, match="does not say its version"):
        find_servers(tmp_path)


def test_programs_that_an_account_can_run_stay_where_they_are(tmp_path: Path) -> None:
    folder = installation(tmp_path, "17", "postgres (PostgreSQL) 17.4")

    assert reachable_programs(folder, None, tmp_path / "spare") == folder
    assert not (tmp_path / "spare").exists()


def test_programs_that_an_account_cannot_run_are_copied(tmp_path: Path) -> None:
    folder = installation(tmp_path / "pg", "17", "postgres (PostgreSQL) 17.4")
    (folder / "postgres").chmod(0o600)

    copy = reachable_programs(folder, None, tmp_path / "spare")

    assert copy.is_relative_to(tmp_path / "spare")
    assert sorted(p.name for p in copy.iterdir()) == ["initdb", "postgres"]
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o600
