from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.domain.errors import Conflict, StorageFailed
from chalicelib.local.data_lock import DataLock, make_data_folder


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


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = DataLock(tmp_path).__enter__()
    child = ["/bin/sh", "-c", "echo started; exec sleep 30"]
    with subprocess.Popen(child, close_fds=False, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        lock.__exit__()

        with DataLock(tmp_path):
            still_runs = process.poll() is None
        process.kill()

    assert still_runs


def test_a_refusal_names_the_holder_for_programs_too(tmp_path: Path) -> None:
    with DataLock(tmp_path), pytest.raises(Conflict) as caught, DataLock(tmp_path):
        pass

    assert caught.value.fields == {"pid": str(os.getpid())}


def test_a_refused_attempt_takes_nothing_from_the_holder(tmp_path: Path) -> None:
    with DataLock(tmp_path):
        for _ in range(2):
            with pytest.raises(Conflict, match=f"process {os.getpid()}"), DataLock(tmp_path):
                pass


def test_the_number_in_the_file_alone_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1\n")

    with DataLock(tmp_path):
        held = (tmp_path / "lock").read_text()

    assert held == f"{os.getpid()}\n"


@pytest.mark.parametrize("place", ["/proc/holdfast", "/dev/null", "/dev/null/holdfast"])
def test_a_place_for_no_folder_is_a_storage_failure(place: str) -> None:
    with pytest.raises(StorageFailed, match="data folder cannot be used") as caught:
        make_data_folder(Path(place))

    assert "--data" in caught.value.hint


def test_a_data_folder_is_closed_to_others_and_its_parents_are_made(tmp_path: Path) -> None:
    make_data_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
