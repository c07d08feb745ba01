"""Seal a backup: the recovery text, then the signed manifest, which nothing may overwrite.

The manifest is the last object of a backup. Whoever finds a valid one of the current attempt knows
that every byte was stored, read back and checked: the sweeper rolls forward on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from chalicelib.domain.backup import Backup, Component, SourceCounts
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import Conflict, IntegrityFailed, Internal, NotFound
from chalicelib.domain.manifest import (
    Manifest,
    ManifestPart,
    SignedManifest,
    digest,
    parse_envelope,
    payload_of,
)
from chalicelib.domain.object_keys import MANIFEST, RECOVERY, artefact_key, is_part
from chalicelib.domain.recovery import recovery_text
from chalicelib.ports import ObjectStore, Signer

COUNTS = "counts.json"
BLOCKS = "blocks.json"
PARTS = "parts.json"
PARTS_READ = "parts-read.json"
"""What dump and verification found, until the seal, which may be another invocation."""

_BLOCKS = TypeAdapter(tuple[BlockDigest, ...])
_PARTS = TypeAdapter(tuple[ManifestPart, ...])


@dataclass(frozen=True)
class Seal:
    """Write and read the manifests of attempts."""

    store: ObjectStore
    signer: Signer

    def write(self, backup: Backup, manifest: Manifest) -> str:
        """Store recovery text and manifest; return the manifest's SHA-256.

        Repeatable: when this attempt is sealed already, the seal that stands is checked and kept.
        """
        sealed = self.find(backup)
        if sealed is not None:
            return sealed
        self._put(
            artefact_key(backup, RECOVERY),
            recovery_text(manifest, self.signer.public_key).encode(),
            "text/markdown",
        )
        payload = payload_of(manifest)
        envelope = SignedManifest(
            payload=payload, signature=self.signer.sign(payload.encode())
        ).to_bytes()
        self._put(artefact_key(backup, MANIFEST), envelope, "application/json")
        return digest(envelope)

    def find(self, backup: Backup) -> str | None:
        """Return the SHA-256 of a valid manifest of the current attempt; None when unsealed.

        A manifest that is there and not ours, or of another attempt, is IntegrityFailed.
        """
        try:
            envelope = self._read(artefact_key(backup, MANIFEST))
        except NotFound:
            return None
        self._checked(backup, envelope)
        return digest(envelope)

    def manifest(self, backup: Backup) -> Manifest:
        """Return the manifest of a completed backup.

        IntegrityFailed unless it is there, the one that the record names, and signed by us.
        """
        try:
            envelope = self._read(artefact_key(backup, MANIFEST))
        except NotFound as error:
            raise IntegrityFailed("the manifest is not in the store any more") from error
        if digest(envelope) != backup.manifest_sha256:
            raise IntegrityFailed("the manifest is not the one that the backup was sealed with")
        return self._checked(backup, envelope)

    def keep_counts(self, backup: Backup, counts: SourceCounts) -> None:
        """Store the counts of an attempt for its seal."""
        data = counts.model_dump_json().encode()
        self._put(artefact_key(backup, COUNTS), data, "application/json")

    def counts(self, backup: Backup) -> SourceCounts:
        """Return the counts that the dump kept."""
        return SourceCounts.model_validate_json(self._read(artefact_key(backup, COUNTS)))

    def keep_blocks(self, backup: Backup, blocks: tuple[BlockDigest, ...]) -> None:
        """Store what the full read of an attempt found, for its seal."""
        self._put(artefact_key(backup, BLOCKS), _BLOCKS.dump_json(blocks), "application/json")

    def blocks(self, backup: Backup) -> tuple[BlockDigest, ...]:
        """Return the blocks that the verification kept, if it kept any."""
        if not backup.has_blocks:
            return ()
        return _BLOCKS.validate_json(self._read(artefact_key(backup, BLOCKS)))

    def keep_parts(
        self, backup: Backup, parts: tuple[ManifestPart, ...], *, were_read: bool
    ) -> None:
        """Store what is known of the archives beside the dump: counted, or read back as well."""
        key = artefact_key(backup, PARTS_READ if were_read else PARTS)
        self._put(key, _PARTS.dump_json(parts), "application/json")

    def parts(self, backup: Backup, *, were_read: bool) -> tuple[ManifestPart, ...]:
        """Return what was kept of them, if there are any."""
        if not _has_parts(backup):
            return ()
        key = artefact_key(backup, PARTS_READ if were_read else PARTS)
        return _PARTS.validate_json(self._read(key))

    def drop_drafts(self, backup: Backup) -> None:
        """Remove counts and blocks once the manifest holds them."""
        names = [COUNTS, *([BLOCKS] if backup.has_blocks else [])]
        names += [PARTS, PARTS_READ] if _has_parts(backup) else []
        for name in names:
            self.store.delete(artefact_key(backup, name))

    def _checked(self, backup: Backup, envelope: bytes) -> Manifest:
        signed = parse_envelope(envelope)
        self.signer.verify(signed.payload.encode(), signed.signature)
        manifest = signed.manifest
        # a good signature alone would let the manifest of another attempt pass
        if (manifest.backup_id, manifest.attempt) != (backup.id, backup.attempt):
            raise IntegrityFailed("the manifest belongs to another attempt")
        return manifest

    def _read(self, key: str) -> bytes:
        return b"".join(self.store.read(key))

    def _put(self, key: str, data: bytes, content_type: str) -> None:
        try:
            self.store.put(key, data, content_type=content_type)
        except Conflict:
            # an earlier try of this step stored it; only the manifest's content may not differ
            if key.endswith(MANIFEST) and self._read(key) != data:
                raise


def _has_parts(backup: Backup) -> bool:
    return any(is_part(artefact.name) for artefact in backup.artefacts)


def manifest_of(
    backup: Backup,
    database: str,
    counts: SourceCounts,
    blocks: tuple[BlockDigest, ...] = (),
    parts: tuple[ManifestPart, ...] = (),
) -> Manifest:
    """Describe a backup whose dump was verified."""
    if not (backup.format and backup.compression and backup.engine and backup.started_at):
        raise Internal("a backup without a plan cannot be sealed")
    return Manifest(
        backup_id=backup.id,
        project_id=backup.project_id,
        attempt=backup.attempt,
        type=backup.options.type,
        format=backup.format,
        compression=backup.compression,
        engine=backup.engine,
        database=database,
        server_version=backup.server_version or "",
        client_version=backup.client_version or "",
        restore_needs=backup.restore_needs or "",
        dumped_at=backup.started_at,
        raw_bytes=backup.raw_bytes,
        artefacts=backup.artefacts,
        counts=counts,
        blocks=blocks,
        verification=backup.verification,
        components=backup.options.components or (Component.DATABASE,),
        parts=parts,
        files=backup.files,
    )
