"""What the digests on record say of a dump: by table, and held against the source itself.

For level strict the source is read a second time, in the same snapshot: its digests and those of
the archive come from two readings by two programs, and must be the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from chalicelib.domain.backup import SourceCounts
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.domain.facts import CopyDigest
from chalicelib.domain.proof import MAX_TOLD

_MODULUS: Final = 1 << 256
READ_TWICE: Final = "the source read a second time in the same snapshot, and equal"
NOT_COMPARED: Final = "not compared with the second reading"


def recorded(blocks: Sequence[BlockDigest]) -> dict[str, CopyDigest]:
    """Return the digests on record of the tables that lie in the archive in one piece."""
    tables = [b for b in blocks if not b.is_large_objects and b.rows is not None]
    pieces = Counter(_name(block) for block in tables)
    return {
        _name(block): CopyDigest(
            sha256=block.sha256, size_bytes=block.raw_bytes, rows=block.rows or 0
        )
        for block in tables
        if pieces[_name(block)] == 1
    }


def large_object_digest(blocks: Sequence[BlockDigest]) -> str | None:
    """Return the digest on record of all large objects; None where there is none."""
    on_record = [int(block.sha256, 16) for block in blocks if block.is_large_objects]
    # sums of pieces add up to the sum of all
    return f"{sum(on_record) % _MODULUS:064x}" if on_record else None


def require_second_reading(counts: SourceCounts) -> dict[str, CopyDigest]:
    """Return what the source wrote a second time; Unsupported when it was read once only."""
    if counts.facts is None or counts.facts.copies is None:
        raise read_once()
    return counts.facts.copies


def read_once() -> Unsupported:
    """Say why a dump cannot be held against a second reading of its source."""
    return Unsupported(
        "level strict needs a dump whose source was read twice, and this one's was read once",
        hint="Ask for strict when the dump is made, or verify this one by digests.",
    )


def require_equal(counts: SourceCounts, blocks: Sequence[BlockDigest]) -> tuple[str, ...]:
    """Hold an archive against the source's second reading; return what that left open.

    IntegrityFailed, naming the tables, when the archive has other rows than the source gave.
    """
    read = require_second_reading(counts)
    if not blocks:
        return (f"{NOT_COMPARED}: the archive was not digested",) if read else ()
    found, present = recorded(blocks), {_name(block) for block in blocks}
    # what lies there in several pieces, or as INSERT statements, has no digest of its own
    without = [name for name in read if name in present and name not in found]
    unequal = [name for name in read if name not in without and found.get(name) != read[name]]
    if not _same_large_objects(counts, blocks):
        unequal.append("large objects")
    if unequal:
        raise IntegrityFailed(
            "the archive does not hold what the source gave when it was read again: "
            + ", ".join(sorted(unequal)[:MAX_TOLD]),
            hint="Look at the memory and the network of the worker, then take another backup.",
        )
    return tuple(f"{NOT_COMPARED}: {name} has no digest of its own" for name in without)


def _same_large_objects(counts: SourceCounts, blocks: Sequence[BlockDigest]) -> bool:
    read = counts.facts.large_objects.digest if counts.facts else None
    return read in {None, large_object_digest(blocks)}


def _name(block: BlockDigest) -> str:
    return f"{block.schema_name}.{block.name}"
