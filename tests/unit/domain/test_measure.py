"""An archive is held against what its source gave when it was read a second time."""

from __future__ import annotations

import pytest

from chalicelib.domain.backup import SourceCounts
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.domain.facts import CopyDigest
from chalicelib.domain.measure import require_equal
from tests.support.world import facts_with

HELD = "0" * 63 + "5"


def block(
    name: str = "t", rows: int | None = 3, sha256: str = "a", **fields: object
) -> BlockDigest:
    made: dict[str, object] = {
        "dump_id": 1,
        "schema_name": "public",
        "name": name,
        "offset": 0,
        "stored_bytes": 9,
        "raw_bytes": 6,
        "rows": rows,
        "sha256": sha256,
    }
    return BlockDigest.model_validate({**made, **fields})


def read(sha256: str = "a", rows: int = 3) -> CopyDigest:
    return CopyDigest(sha256=sha256, size_bytes=6, rows=rows)


def counts(copies: dict[str, CopyDigest] | None, digest: str | None = None) -> SourceCounts:
    return SourceCounts(facts=facts_with(copies, digest))


OBJECTS = block("BLOBS", 1, HELD, is_large_objects=True)


@pytest.mark.parametrize(
    ("found", "blocks"),
    [
        (counts({}), []),
        (counts({"public.t": read()}), [block()]),
        (counts({"public.t": read()}, HELD), [block(), OBJECTS]),
        (counts({"public.t": read()}), [block(), block("more")]),
    ],
)
def test_what_is_the_same_leaves_nothing_open(
    found: SourceCounts, blocks: list[BlockDigest]
) -> None:
    assert require_equal(found, blocks) == ()


@pytest.mark.parametrize(
    ("found", "blocks", "named"),
    [
        (counts({"public.t": read("b")}), [block()], "public.t"),
        (counts({"public.t": read(rows=4)}), [block()], "public.t"),
        (counts({"public.gone": read()}), [block()], "public.gone"),
        (counts({"public.t": read()}, HELD), [block()], "large objects"),
        (counts({"public.t": read()}, "1"), [block(), OBJECTS], "large objects"),
    ],
)
def test_what_differs_is_named(found: SourceCounts, blocks: list[BlockDigest], named: str) -> None:
    with pytest.raises(IntegrityFailed, match=named):
        require_equal(found, blocks)


@pytest.mark.parametrize("blocks", [[], [block(), block()], [block(rows=None)]])
def test_what_cannot_be_compared_is_said(blocks: list[BlockDigest]) -> None:
    gaps = require_equal(counts({"public.t": read()}), blocks)

    assert len(gaps) == 1
    assert gaps[0].startswith("not compared with the second reading: ")


@pytest.mark.parametrize("found", [SourceCounts(), counts(None)])
def test_a_source_that_was_read_once_is_refused(found: SourceCounts) -> None:
    with pytest.raises(Unsupported, match="read once"):
        require_equal(found, [block()])
