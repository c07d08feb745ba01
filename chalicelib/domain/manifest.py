"""The manifest: the signed description of a backup, written last.

On disk it is an envelope: {"payload": "<the manifest as JSON text>", "signature": {…}}. The
signature covers the payload's bytes exactly as they stand in that string, so a check needs no
canonical form: `jq -rj .payload` gives the signed bytes. Numbers are integers, times ISO 8601.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import ValidationError

from chalicelib.domain.backup import (
    Artefact,
    BackupType,
    Component,
    Compression,
    FileTotals,
    Format,
    SourceCounts,
    Value,
    Verification,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.record import Moment


class ManifestPart(Value):
    """Describe an archive beside the dump itself: what was counted, and what the full read found.

    `name` is its artefact's; one of definitions alone has no counts.
    """

    name: str
    type: BackupType
    counts: SourceCounts = SourceCounts()
    blocks: tuple[BlockDigest, ...] = ()


class Manifest(Value):
    """Version 1 of the description.

    `blocks` are those of the dump itself, as the full read found them; a plain dump has none.
    `parts` are archives of the same snapshot beside it. `files` sums up the files of its storage.
    """

    holdfast_manifest: Literal[1] = 1
    backup_id: str
    project_id: str
    attempt: int
    type: BackupType
    format: Format
    compression: Compression
    engine: str
    database: str
    server_version: str
    client_version: str
    restore_needs: str
    dumped_at: Moment
    raw_bytes: int | None
    artefacts: tuple[Artefact, ...]
    counts: SourceCounts
    blocks: tuple[BlockDigest, ...] = ()
    verification: Verification | None = None
    components: tuple[Component, ...] = (Component.DATABASE,)
    parts: tuple[ManifestPart, ...] = ()
    files: FileTotals | None = None

    @property
    def main(self) -> Artefact:
        """The dump itself, which every manifest has."""
        return self.artefacts[0]


class Signature(Value):
    """Hold a signature; `value` is base64, `public_key` PEM for whoever has no other copy."""

    algorithm: str
    key_id: str
    value: str
    public_key: str


class SignedManifest(Value):
    """Be the envelope as it is stored."""

    payload: str
    signature: Signature

    @property
    def manifest(self) -> Manifest:
        """The description inside; check the signature before believing it."""
        try:
            return Manifest.model_validate_json(self.payload)
        except ValidationError as error:
            raise IntegrityFailed("the manifest does not have the form of version 1") from error

    def to_bytes(self) -> bytes:
        """Return the envelope as it is stored."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def payload_of(manifest: Manifest) -> str:
    """Return the text that is signed."""
    return manifest.model_dump_json()


def parse_envelope(data: bytes) -> SignedManifest:
    """Read a stored envelope; anything else is IntegrityFailed."""
    try:
        return SignedManifest.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityFailed("this is not a manifest of Holdfast") from error


def digest(data: bytes) -> str:
    """Return the SHA-256 of stored bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
