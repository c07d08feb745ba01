"""Decide how the parts of an upload become an object; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.adapters.store_rules import in_order
from chalicelib.domain.errors import IntegrityFailed, StorageFailed
from chalicelib.ports import Part, PartLimits


@dataclass(frozen=True)
class Extent:
    """Say where a part lies in the upload's data file; crc32 is over its bytes."""

    offset: int
    size_bytes: int
    crc32: int

    @property
    def etag(self) -> str:
        """The part's name for its content."""
        return f"{self.crc32:08x}"

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.size_bytes


def plan_assembly(
    parts: Sequence[Part], stored: Mapping[int, Extent], *, size_bytes: int, limits: PartLimits
) -> tuple[Extent, ...]:
    """Return the extents of the object in order, after every check that completing promises."""
    ordered = in_order(parts)
    for part in ordered:
        _check_acknowledged(part, stored.get(part.number))
    _check_minimum(ordered, limits)
    total = sum(part.size_bytes for part in ordered)
    if total != size_bytes:
        raise IntegrityFailed(f"the parts have {total} bytes, not {size_bytes}")
    return tuple(stored[part.number] for part in ordered)


def is_contiguous(extents: Sequence[Extent], file_bytes: int) -> bool:
    """Tell whether the extents, in this order, are exactly the whole file."""
    end = 0
    for extent in extents:
        if extent.offset != end:
            return False
        end = extent.end
    return end == file_bytes


def _check_acknowledged(part: Part, extent: Extent | None) -> None:
    if extent is None:
        raise IntegrityFailed(f"part {part.number} was never stored")
    if (extent.size_bytes, extent.etag) != (part.size_bytes, part.etag):
        raise IntegrityFailed(f"part {part.number} is not the one that was acknowledged")


def _check_minimum(ordered: Sequence[Part], limits: PartLimits) -> None:
    for part in ordered[:-1]:
        if part.size_bytes < limits.min_part_bytes:
            raise StorageFailed(
                f"part {part.number} has {part.size_bytes} bytes, less than the minimum",
                hint=f"Parts but the last have at least {limits.min_part_bytes} bytes.",
            )
