"""Completed backups without a worker: the record and its object, as a run would leave them."""

from __future__ import annotations

import hashlib

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Artefact, Backup, Checksum, Compression, Format, Status
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert


def stored_backup(
    services: Services, project: Project, content: bytes = b"PGDMP and more", **fields: object
) -> Backup:
    """Store a completed backup with its object; any field of the record can be given."""
    now = services.ledger.clock.now()
    given: dict[str, object] = {
        "id": services.ledger.ids.new(),
        "project_id": project.id,
        "name": "nightly",
        "requested_by": "test",
        "created_at": now,
        "started_at": now,
        "completed_at": now,
        "status": Status.COMPLETED,
        "attempt": 1,
        "format": Format.CUSTOM,
        "compression": Compression.GZIP,
        "stored_bytes": len(content),
    }
    backup = Backup.model_validate(given | fields)
    if backup.status is Status.COMPLETED:
        backup = backup.model_copy(update={"artefacts": (_artefact(backup, content),)})
        key = backup.artefacts[0].key
        services.adapters.store.put(key, content, content_type="application/octet-stream")
    services.ledger.catalog.commit([Insert(backup)])
    return backup.model_copy(update={"revision": 1})


def _artefact(backup: Backup, content: bytes) -> Artefact:
    return Artefact(
        name="database.dump",
        key=artefact_key(backup, "database.dump"),
        stored_bytes=len(content),
        checksum=Checksum(value=hashlib.sha256(content).hexdigest()),
    )
