"""Promises of naming users that the system does not know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chalicelib.engine.unknown_user import LIBRARY, naming

STRANGER = 3_999_999_999


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    (tmp_path / LIBRARY).touch()
    return tmp_path


def test_a_stranger_is_given_a_name_by_files_of_ours(libraries: Path, tmp_path: Path) -> None:
    environment = naming(STRANGER, tmp_path, [tmp_path / "none", libraries])

    assert environment["LD_PRELOAD"] == str(libraries / LIBRARY)
    users = Path(environment["NSS_WRAPPER_PASSWD"]).read_text()
    assert users == f"holdfast:x:{STRANGER}:{os.getegid()}::{tmp_path}:/bin/false\n"
    assert Path(environment["NSS_WRAPPER_GROUP"]).exists()


def test_who_has_a_name_keeps_it(libraries: Path, tmp_path: Path) -> None:
    assert naming(0, tmp_path, [libraries]) == {}


def test_without_the_library_nothing_is_changed(tmp_path: Path) -> None:
    assert naming(STRANGER, tmp_path, [tmp_path]) == {}
    assert list(tmp_path.iterdir()) == []
