"""Promises of finding a place that an unprivileged account can reach."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from chalicelib.domain.errors import Internal
from chalicelib.local.server_programs import reachable_parent

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
