"""Prove a dump file: only one whose signed manifest, size and checksum hold is restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.cli import sidecar
from chalicelib.cli.check_beside import compare_bytes
from chalicelib.cli.pending_file import read_chunks
from chalicelib.cli.progress_view import ViewWatch
from chalicelib.cli.sidecar import SignedBy
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import is_dump
from chalicelib.domain.proof import Assertion, ProofLevel, ProofReport
from chalicelib.domain.role_statements import ROLES
from chalicelib.postgres_ports import Engine, ProofRequest


@dataclass(frozen=True)
class ProveRequest:
    """Say which file to prove, by what, and whose signature its manifest must have.

    `trusts_others` lets a manifest pass that another key signed; the clients that read such a dump
    must have no known holes.
    """

    path: Path
    key: Path
    level: ProofLevel
    trusts_others: bool = False
    assertions: tuple[Assertion, ...] = ()
    against: Connection | None = None


def prove_file(request: ProveRequest, engine: Engine, watch: ViewWatch) -> ProofReport:
    """Prove the file; IntegrityFailed, before anything is restored, when it is not what it was."""
    path = request.path
    if not path.is_file():
        raise InvalidRequest(f"{path} is not a file", hint="Name a dump file.", field="file")
    manifest, signed_by = _manifest(request)
    compare_bytes(manifest.main, path, watch)
    for artefact in manifest.artefacts[1:]:
        if is_dump(artefact.name) or artefact.name == ROLES:
            compare_bytes(artefact, sidecar.artefact_path(path, artefact.name), watch)

    def open_artefact(name: str) -> Iterator[bytes]:
        is_main = name == manifest.main.name
        return read_chunks(path if is_main else sidecar.artefact_path(path, name))

    return engine.prove(_proof_of(manifest, request, signed_by), open_artefact, watch)


def _manifest(request: ProveRequest) -> tuple[Manifest, SignedBy]:
    envelope = sidecar.beside(request.path)
    if envelope is None:
        raise InvalidRequest(
            f"there is no manifest beside {request.path.name}",
            hint="A proof compares with it; dumps of `holdfast dump` have one.",
            field="file",
        )
    signed_by = sidecar.check_signature(envelope, request.key)
    if signed_by is not SignedBy.OURS and not request.trusts_others:
        raise IntegrityFailed(
            f"the manifest of {request.path.name} has no signature of our key",
            hint="A restore runs code of the dump. Name the key that signed it with --key, or trust"
            " the file with --trust-archive.",
        )
    return envelope.manifest, signed_by


def _proof_of(manifest: Manifest, request: ProveRequest, signed_by: SignedBy) -> ProofRequest:
    return ProofRequest(
        level=request.level,
        type=manifest.type,
        format=manifest.format,
        compression=manifest.compression,
        server_version=manifest.server_version,
        client_version=manifest.client_version,
        counts=manifest.counts,
        blocks=manifest.blocks,
        stored_bytes=manifest.main.stored_bytes,
        raw_bytes=manifest.raw_bytes,
        assertions=request.assertions,
        against=request.against,
        is_ours=signed_by is SignedBy.OURS,
        parts=manifest.parts,
        has_roles=any(artefact.name == ROLES for artefact in manifest.artefacts),
    )
