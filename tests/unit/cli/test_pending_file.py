from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cli.pending_file import PendingFile, place_together, read_chunks, refuse_existing
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
