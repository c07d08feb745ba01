"""The bench counts what is read in vain to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.engine.archive.ranges import FileRanges
from tests.bench.archive_once import CountedRanges


@pytest.mark.parametrize(
    ("read", "outside"),
    [((10, 20), 0), ((5, 20), 5), ((10, 23), 3), ((0, 30), 20), ((0, 5), 5), ((25, 30), 5)],
)
def test_bytes_outside_a_part_are_counted(
    tmp_path: Path, read: tuple[int, int], outside: int
) -> None:
    path = tmp_path / "archive"
    path.write_bytes(bytes(30))
    counted = CountedRanges(FileRanges(path))

    assert sum(len(chunk) for chunk in counted.read(*read)) == read[1] - read[0]

    assert counted.outside(10, 20) == outside
    assert counted.outside(0, 0) == read[1] - read[0]
