"""Put the archives of a backup together for one restore, with what is known of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.backup import BackupType, Compression, Format, SourceCounts
from chalicelib.domain.errors import Unsupported
from chalicelib.domain.facts import CopyDigest
from chalicelib.domain.measure import recorded
from chalicelib.domain.object_keys import SCHEMA_DUMP, dump_name
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.engine.proof.lacking import NOTHING, Lacking, Listed, lacking
from chalicelib.engine.proof.layers import stretches
from chalicelib.engine.proof.restoring import Piece
from chalicelib.engine.scratch import ScratchServer
from chalicelib.postgres_ports import ProofRequest

OpenArtefact = Callable[[str], Iterator[bytes]]


@dataclass(frozen=True)
class Assembly:
    """Hold what is restored, piece by piece, and what the copy will lack for it."""

    pieces: tuple[Piece, ...]
    without: Lacking


def alone(request: ProofRequest, open_artefact: OpenArtefact) -> Assembly:
    """Return a dump without parts: its archive, between both sections of its schema if need be."""
    main = Piece(open_artefact(_main_name(request)), request.format, request.compression)
    if request.type is not BackupType.DATA:
        return Assembly((main,), NOTHING)
    before, after = (
        Piece(open_artefact(SCHEMA_DUMP), Format.CUSTOM, Compression.NONE, section)
        for section in ("pre-data", "post-data")
    )
    return Assembly((before, main, after), NOTHING)


def joined(
    request: ProofRequest,
    open_artefact: OpenArtefact,
    server: ScratchServer,
    not_installed: frozenset[str],
) -> Assembly:
    """Return a dump with its parts, in the layers that `layers` says; reads the head of each.

    Unsupported for a plain dump, which has no table of contents to choose from.
    """
    if request.format is not Format.CUSTOM:
        raise Unsupported(
            "a plain dump cannot be proven together with its parts",
            hint="Make such backups with format custom.",
        )
    main = [_listed(_main_name(request), request.type, open_artefact)]
    if request.type is BackupType.DATA:
        main.append(_listed(SCHEMA_DUMP, BackupType.SCHEMA, open_artefact))
    parts = [_listed(part.name, part.type, open_artefact) for part in request.parts]
    without = lacking(main, parts, request.counts.facts, not_installed)
    return Assembly(
        tuple(
            Piece(
                open_artefact(one.name),
                Format.CUSTOM,
                request.compression,
                use_list=server.note(f"entries-{number}", _use_list(one.ids)),
                is_whole=one.is_whole,
            )
            for number, one in enumerate(stretches(main, parts, without))
        ),
        without,
    )


def counts_of(request: ProofRequest) -> SourceCounts:
    """Return what was counted of the dump and of its parts."""
    counted = [request.counts, *(part.counts for part in request.parts)]
    uncounted = {name: why for one in counted for name, why in one.uncounted.items()}
    tables = tuple(table for one in counted for table in one.tables)
    return request.counts.model_copy(update={"tables": tables, "uncounted": uncounted})


def digests_of(request: ProofRequest) -> Mapping[str, CopyDigest]:
    """Return the digests on record of the dump's tables and of its parts'."""
    found = recorded(request.blocks)
    for part in request.parts:
        found |= recorded(part.blocks)
    return found


def _listed(name: str, kind: BackupType, open_artefact: OpenArtefact) -> Listed:
    return Listed(name, kind, read_toc(ByteStream(open_artefact(name))).entries)


def _main_name(request: ProofRequest) -> str:
    return dump_name(request.format, request.compression)


def _use_list(ids: tuple[int, ...]) -> str:
    return "".join(f"{dump_id};\n" for dump_id in ids)
