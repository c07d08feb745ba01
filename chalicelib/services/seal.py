"""Seal a backup: the recovery text, then the signed manifest, which nothing may overwrite.

The manifest is the last object of a backup. Whoever finds a valid one of the current attempt knows
that every byte was stored, read back and checked: the sweeper rolls forward on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.backup import Backup, SourceCounts
from chalicelib.domain.errors import Conflict, IntegrityFailed, Internal, NotFound
from chalicelib.domain.manifest import (
    Manifest,
    SignedManifest,
    digest,
    parse_envelope,
    payload_of,
)
from chalicelib.domain.object_keys import MANIFEST, RECOVERY, artefact_key
from chalicelib.domain.recovery import recovery_text
from chalicelib.ports import ObjectStore, Signer

COUNTS = "counts.json"
"""Counts between the dump and the seal, which may be two invocations; the manifest holds them."""


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
        signed = parse_envelope(envelope)
        self.signer.verify(signed.payload.encode(), signed.signature)
        manifest = signed.manifest
        if (manifest.backup_id, manifest.attempt) != (backup.id, backup.attempt):
            raise IntegrityFailed("the manifest belongs to another attempt")
        return digest(envelope)

    def require(self, backup: Backup) -> None:
        """Refuse with IntegrityFailed unless the seal that a completed backup names stands."""
        sealed = self.find(backup)
        if sealed is None:
            raise IntegrityFailed("the manifest is not in the store any more")
        if sealed != backup.manifest_sha256:
            raise IntegrityFailed("the manifest is not the one that the backup was sealed with")

    def keep_counts(self, backup: Backup, counts: SourceCounts) -> None:
        """Store the counts of an attempt for its seal."""
        data = counts.model_dump_json().encode()
        self._put(artefact_key(backup, COUNTS), data, "application/json")

    def counts(self, backup: Backup) -> SourceCounts:
        """Return the counts that the dump kept."""
        return SourceCounts.model_validate_json(self._read(artefact_key(backup, COUNTS)))

    def drop_counts(self, backup: Backup) -> None:
        """Remove the counts once the manifest holds them."""
        self.store.delete(artefact_key(backup, COUNTS))

    def _read(self, key: str) -> bytes:
        return b"".join(self.store.read(key))

    def _put(self, key: str, data: bytes, content_type: str) -> None:
        try:
            self.store.put(key, data, content_type=content_type)
        except Conflict:
            # an earlier try of this step stored it; only the manifest's content may not differ
            if key.endswith(MANIFEST) and self._read(key) != data:
                raise


def manifest_of(backup: Backup, database: str, counts: SourceCounts) -> Manifest:
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
        verification=backup.verification,
    )
