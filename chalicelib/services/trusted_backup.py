"""Say whether a stored backup may be restored: only what a manifest of ours covers."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.backup import Artefact, Backup, Status
from chalicelib.domain.errors import Conflict, IntegrityFailed, NotFound
from chalicelib.domain.manifest import Manifest, digest, parse_envelope
from chalicelib.domain.object_keys import MANIFEST, artefact_key
from chalicelib.ports import ObjectStore, Signer


@dataclass(frozen=True)
class TrustedBackups:
    """Read manifests and believe only our own."""

    store: ObjectStore
    signer: Signer

    def manifest(self, backup: Backup) -> Manifest:
        """Return a completed backup's manifest; IntegrityFailed unless it is the one we sealed.

        The record names its SHA-256, so that not even another manifest of ours can take its place.
        The artefacts are held to their sizes here, to their checksums when they are read.
        """
        require_restorable(backup)
        try:
            envelope = b"".join(self.store.read(artefact_key(backup, MANIFEST)))
        except NotFound as error:
            raise IntegrityFailed("the backup's manifest is not in the store any more") from error
        if digest(envelope) != backup.manifest_sha256:
            raise IntegrityFailed("the manifest is not the one this backup was sealed with")
        signed = parse_envelope(envelope)
        self.signer.verify(signed.payload.encode(), signed.signature)
        manifest = signed.manifest
        if (manifest.backup_id, manifest.attempt) != (backup.id, backup.attempt):
            raise IntegrityFailed("the manifest belongs to another backup")
        for artefact in manifest.artefacts:
            self._require_size(artefact)
        return manifest

    def _require_size(self, artefact: Artefact) -> None:
        try:
            size_bytes = self.store.head(artefact.key).size_bytes
        except NotFound as error:
            raise IntegrityFailed(f"{artefact.name} is not in the store any more") from error
        if size_bytes != artefact.stored_bytes:
            raise IntegrityFailed(
                f"{artefact.name} has {size_bytes} bytes, not {artefact.stored_bytes}"
            )


def require_restorable(backup: Backup) -> None:
    """Refuse backups that did not complete or are going away."""
    if backup.status is not Status.COMPLETED or backup.chore is not None:
        raise Conflict(
            f"backup is {backup.status}, there is nothing to restore",
            hint="Choose a completed backup.",
        )
