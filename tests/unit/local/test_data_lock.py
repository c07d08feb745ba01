from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.domain.errors import Conflict, StorageFailed
from chalicelib.local.data_lock import DataLock


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with (
        DataLock(tmp_path),
        pytest.raises(Conflict, match=f"process {os.getpid()}"),
        DataLock(tmp_path),
    ):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with DataLock(tmp_path / "new"):
        pass

    with DataLock(tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from chalicelib.local.data_lock import DataLock;"
        "DataLock(pathlib.Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)

    with DataLock(tmp_path):
        assert killed.returncode == -9


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageFailed, match="data folder"), DataLock(tmp_path / "file" / "data"):
        pass
