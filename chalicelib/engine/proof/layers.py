"""Order the entries of several archives of one snapshot so that they make one database.

What any of them defines may refer to what another defines, so they are restored in layers: schemas
and extensions, what else comes before the rows, the rows, what comes after them. Parts go before
the main archive, which is therefore read in full once only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from chalicelib.engine.archive.toc import Section, TocEntry
from chalicelib.engine.proof.lacking import Lacking, Listed

ABOUT: Final = frozenset({"ACL", "COMMENT", "SECURITY LABEL"})


class Layer(Enum):
    """Say when an entry is restored."""

    FIRST = auto()
    BEFORE = auto()
    ROWS = auto()
    AFTER = auto()


_BY_SECTION: Final = {
    Section.PRE_DATA: Layer.BEFORE,
    Section.DATA: Layer.ROWS,
    Section.POST_DATA: Layer.AFTER,
}


@dataclass(frozen=True)
class Stretch:
    """Name entries of one archive, by their dump ids, that are restored in one go, in its order.

    `is_whole` says that the rows are among them, so that all of the archive is read.
    """

    name: str
    ids: tuple[int, ...]
    is_whole: bool


def stretches(
    main: Sequence[Listed], parts: Sequence[Listed], without: Lacking
) -> tuple[Stretch, ...]:
    """Return what is restored, stretch by stretch."""
    order = (
        (main, {Layer.FIRST}),
        (parts, {Layer.FIRST, Layer.BEFORE}),
        (main, {Layer.BEFORE}),
        (parts, {Layer.ROWS}),
        (parts, {Layer.AFTER}),
        (main, {Layer.ROWS, Layer.AFTER}),
    )
    found = (_stretch(one, wanted, without) for group, wanted in order for one in group)
    return tuple(stretch for stretch in found if stretch.ids)


def _stretch(archive: Listed, wanted: set[Layer], without: Lacking) -> Stretch:
    kept = _kept(archive.entries, without)
    ids = tuple(entry.dump_id for entry, layer in _layered(kept) if layer in wanted)
    return Stretch(archive.name, ids, Layer.ROWS in wanted)


def _layered(entries: Iterable[TocEntry]) -> Iterator[tuple[TocEntry, Layer]]:
    layer = Layer.BEFORE
    for entry in entries:
        # comments and rights name no section: they go with what stands before them
        layer = _BY_SECTION.get(entry.section, layer)
        is_first = entry.descriptor in {"SCHEMA", "EXTENSION"}
        yield entry, Layer.FIRST if is_first else layer


def _kept(entries: Sequence[TocEntry], without: Lacking) -> list[TocEntry]:
    out = {entry.dump_id for entry in entries if _is_out(entry, without)}
    return [
        entry
        for entry in entries
        if entry.dump_id not in out
        and not (entry.descriptor in ABOUT and out.intersection(entry.dependencies))
    ]


def _is_out(entry: TocEntry, without: Lacking) -> bool:
    if entry.descriptor == "EXTENSION":
        return entry.tag in without.extensions
    return entry.descriptor == "EVENT TRIGGER" and entry.tag in without.event_triggers
