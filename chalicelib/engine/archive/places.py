"""Tell where the blocks of an archive lie and how large they are, as far as that is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from chalicelib.domain.block_digest import BlockDigest
from chalicelib.engine.archive.toc import Toc


@dataclass(frozen=True)
class Place:
    """Say where the block of an entry lies; what only a full read tells is None without one."""

    offset: int
    stored_bytes: int
    raw_bytes: int | None = None
    rows: int | None = None

    @property
    def end(self) -> int:
        """Where the block has ended."""
        return self.offset + self.stored_bytes


def places_of(toc: Toc, archive_bytes: int, blocks: Iterable[BlockDigest]) -> dict[int, Place]:
    """Return places by dump id: from what a full read found, else from the archive's offsets.

    By offsets, padding counts to the block before it. Nothing is known of a dump into a pipe.
    """
    found = {
        one.dump_id: Place(one.offset, one.stored_bytes, one.raw_bytes, one.rows) for one in blocks
    }
    if found or not toc.is_located:
        return found
    placed = sorted((entry.offset, entry.dump_id) for entry in toc.with_data)
    ends = [*placed, (archive_bytes, 0)]
    return {
        dump_id: Place(offset, max(end - offset, 0))
        for (offset, dump_id), (end, _) in pairwise(ends)
    }
