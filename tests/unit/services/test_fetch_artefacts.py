"""Promises of fetching: whole and checked into scratch, or checked twice as a stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.domain.backup import Artefact
from chalicelib.domain.errors import IntegrityFailed, ScratchTooSmall
from chalicelib.services.fetch_artefacts import MARGIN_BYTES, Fetching
from tests.support.world import DUMP, World


class Patient:
    """Watch without stopping anything."""

    def check(self, progress: object = None) -> None:
        del progress


def artefacts(world: World) -> tuple[Artefact, ...]:
    return world.completed().artefacts


def fetching(world: World, folder: Path, free_bytes: int) -> Fetching:
    return Fetching(world.adapters.store, world.clock, folder, lambda _: free_bytes)


def test_what_fits_lies_in_a_file_for_as_long_as_it_is_needed(world: World, tmp_path: Path) -> None:
    room = fetching(world, tmp_path / "here", MARGIN_BYTES + len(DUMP))

    with room.fetched(artefacts(world), Patient(), may_stream=False) as (file,):
        assert file.path is not None
        assert file.path.read_bytes() == b"".join(file.open()) == DUMP

    assert not (tmp_path / "here").exists()


def test_what_does_not_fit_is_streamed(world: World, tmp_path: Path) -> None:
    room = fetching(world, tmp_path / "here", MARGIN_BYTES)

    with room.fetched(artefacts(world), Patient(), may_stream=True) as (file,):
        assert (file.path, b"".join(file.open())) == (None, DUMP)


def test_what_does_not_fit_and_may_not_be_streamed_is_refused(world: World, tmp_path: Path) -> None:
    room = fetching(world, tmp_path / "here", MARGIN_BYTES)

    with (
        pytest.raises(ScratchTooSmall, match=f"has {len(DUMP)} bytes"),
        room.fetched(artefacts(world), Patient(), may_stream=False),
    ):
        pytest.fail("it was fetched")

    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("free_bytes", [0, 1 << 40], ids=["streamed", "in a file"])
def test_bytes_of_another_backup_are_refused_before_anybody_gets_them(
    world: World, tmp_path: Path, free_bytes: int
) -> None:
    (mine,) = artefacts(world)
    world.engine.content = bytes(reversed(DUMP))
    (other,) = artefacts(world)
    swapped = mine.model_copy(update={"key": other.key})

    with (
        pytest.raises(IntegrityFailed, match="checksum of its manifest"),
        fetching(world, tmp_path / "here", free_bytes).fetched(
            (swapped,), Patient(), may_stream=True
        ),
    ):
        pytest.fail("it was fetched")


def test_bytes_that_change_after_the_first_read_are_noticed_at_the_end_of_the_stream(
    world: World, tmp_path: Path
) -> None:
    (artefact,) = artefacts(world)
    room = fetching(world, tmp_path / "here", 0)
    with room.fetched((artefact,), Patient(), may_stream=True) as (file,):
        path = next((world.services.settings.data / "objects").rglob("database.dump"))
        path.write_bytes(bytes(reversed(DUMP)))

        with pytest.raises(IntegrityFailed):
            list(file.open())
