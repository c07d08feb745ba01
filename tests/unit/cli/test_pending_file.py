from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cli.pending_file import (
    PendingFile,
    place_together,
    read_chunks,
    refuse_existing,
    refuse_special,
)
from chalicelib.domain.errors import InvalidRequest, StorageFailed


def test_nothing_is_at_the_target_before_it_is_placed(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as pending:
        pending.write(b"whole")
        before = (tmp_path / "a").exists()
        pending.place(replace=False)

    assert not before
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_is_not_placed_vanishes(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as pending:
        pending.write(b"half")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_up_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as pending:
        (tmp_path / "a").write_text("theirs")
        with pytest.raises(InvalidRequest, match="exists already"):
            pending.place(replace=False)

    assert (tmp_path / "a").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_replacing_is_possible_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    with PendingFile(tmp_path / "a") as pending:
        pending.write(b"new")
        pending.place(replace=True)

    assert (tmp_path / "a").read_text() == "new"


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as first, PendingFile(tmp_path / "b") as second:
        (tmp_path / "b").write_text("theirs")
        with pytest.raises(InvalidRequest):
            place_together(first, second, replace=False)

    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_others_cannot_read_a_dump(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as pending:
        pending.place(replace=False)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")

    with pytest.raises(InvalidRequest):
        refuse_existing(tmp_path / "a")


def test_a_file_that_cannot_be_read_is_a_storage_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="no such file"):
        list(read_chunks(tmp_path / "a"))


@given(chunks=st.lists(st.binary(max_size=5000)))
def test_size_hash_and_bytes_are_those_of_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    whole = b"".join(chunks)

    with PendingFile(tmp_path_factory.mktemp("pending") / "a") as pending:
        for chunk in chunks:
            pending.write(memoryview(chunk))
        back = b"".join(pending.read_back())

    assert back == whole
    assert pending.size_bytes == len(whole)
    assert pending.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a")

    with pytest.raises(InvalidRequest, match="not a file that could be replaced"):
        refuse_special(tmp_path / "a")


def test_files_and_free_names_are_not_special(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    refuse_special(tmp_path / "a", tmp_path / "b")


def test_replacing_a_link_leaves_what_it_led_to(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "a").symlink_to(tmp_path / "theirs")

    with PendingFile(tmp_path / "a") as pending:
        pending.write(b"ours")
        pending.place(replace=True)

    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (tmp_path / "a").read_bytes() == b"ours"


def test_the_part_of_somebody_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    left = PendingFile(tmp_path / "a").__enter__()
    left.write(b"half")

    with PendingFile(tmp_path / "a") as pending:
        pending.write(b"whole")
        pending.place(replace=False)

    assert (tmp_path / "a").read_bytes() == b"whole"
    left.__exit__()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("folder", ["/proc", "/dev/null", "/nonexistent"])
def test_a_folder_that_takes_no_file_is_a_storage_failure(folder: str) -> None:
    target = Path(folder) / "x.dump"

    with pytest.raises(StorageFailed, match=str(target)), PendingFile(target):
        pass


def test_a_long_name_leaves_room_for_the_part(tmp_path: Path) -> None:
    name = "x" * 255

    with PendingFile(tmp_path / name) as pending:
        pending.place(replace=False)

    assert (tmp_path / name).is_file()


def test_files_are_placed_in_their_order(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "a") as first, PendingFile(tmp_path / "b") as second:
        place_together(second, first, replace=False)

    times = [(tmp_path / name).stat().st_ctime_ns for name in ("b", "a")]
    assert times == sorted(times)
