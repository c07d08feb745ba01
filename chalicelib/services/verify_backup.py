"""Verify a dumped backup: every archive through its reader, every listing and file by its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.backup import (
    Artefact,
    Asked,
    Backup,
    Compression,
    Format,
    SourceCounts,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import Internal
from chalicelib.domain.manifest import ManifestPart
from chalicelib.domain.measure import READ_TWICE, require_equal
from chalicelib.domain.object_keys import is_dump, is_listing
from chalicelib.platform_ports import Extent
from chalicelib.ports import Clock, ObjectStore
from chalicelib.postgres_ports import ArchiveReport, DumpResult, Engine
from chalicelib.services.progress import RunWatch
from chalicelib.services.projects import Projects
from chalicelib.services.prove_backup import MAX_REASONS, BackupProver, Measure, proven
from chalicelib.services.seal import Seal
from chalicelib.services.verify_archive import ArchiveVerifier
from chalicelib.services.verify_files import verify_listings

FULL_READ: Final = "size, checksum and a full read of every artefact"


@dataclass(frozen=True)
class BackupVerifier:
    """Verify attempts, and prove them where that is asked for."""

    store: ObjectStore
    seal: Seal
    engine: Engine
    projects: Projects
    clock: Clock

    def verified(self, backup: Backup, watch: RunWatch) -> dict[str, Any]:
        """Return what the record is to say; IntegrityFailed when anything is not what was kept."""
        watch.phase("verify")
        # a try before this one may have kept a proof
        dumps = tuple(a for a in backup.artefacts if is_dump(a.name))
        listings = tuple(a for a in backup.artefacts if is_listing(a.name))
        reports = self._read_back(backup, dumps, watch)
        main = dumps[0].model_copy(update={"raw_bytes": reports[0].raw_bytes})
        blocks = reports[0].blocks
        self._keep(backup, dumps, reports)
        verification = self._verification(backup, reports[0])
        read = backup.model_copy(
            update={
                "artefacts": (main, *dumps[1:], *listings),
                "raw_bytes": backup.raw_bytes or reports[0].raw_bytes,
            }
        )
        verification, artefacts = self._proven(read, verification, blocks, watch)
        return {
            "artefacts": artefacts,
            "raw_bytes": read.raw_bytes,
            "has_blocks": bool(blocks),
            "verification": verification,
            "validated": True,
        }

    def _read_back(
        self,
        backup: Backup,
        dumps: tuple[Artefact, ...],
        watch: RunWatch,
    ) -> list[ArchiveReport]:
        verifier = ArchiveVerifier(self.store, self.engine)
        reports = [verifier.verify(a, layout_of(backup), watch) for a in dumps]
        verify_listings(self.store, backup, watch.check)
        return reports

    def _keep(
        self, backup: Backup, dumps: tuple[Artefact, ...], reports: list[ArchiveReport]
    ) -> None:
        if reports[0].blocks:
            self.seal.keep_blocks(backup, reports[0].blocks)
        read = {a.name: report.blocks for a, report in zip(dumps, reports, strict=True)}
        parts = self.seal.parts(backup, were_read=False)
        if parts:
            with_blocks = (one.model_copy(update={"blocks": read[one.name]}) for one in parts)
            self.seal.keep_parts(backup, tuple(with_blocks), were_read=True)

    def _verification(self, backup: Backup, main: ArchiveReport) -> Verification:
        is_strict = backup.options.verification is Asked.STRICT
        left_open = require_equal(self.seal.counts(backup), main.blocks) if is_strict else ()
        return Verification(
            level=VerificationLevel.ARCHIVE,
            at=self.clock.now(),
            by=main.read_by,
            report=f"{FULL_READ}; {READ_TWICE}" if is_strict else FULL_READ,
            reasons=(*main.reasons, *_not_read_again(backup), *left_open)[:MAX_REASONS],
        )

    def _proven(
        self,
        backup: Backup,
        verification: Verification,
        blocks: tuple[BlockDigest, ...],
        watch: RunWatch,
    ) -> tuple[Verification, tuple[Artefact, ...]]:
        """Make the proof that is asked for; its report becomes part of what is sealed."""
        asked = backup.options.verification or Asked.ARCHIVE
        if asked.proof_level is None:
            return verification, backup.artefacts
        watch.phase("proof")
        prover = BackupProver(self.store, self.engine)
        assertions = self.projects.get(backup.project_id).assertions
        parts = self.seal.parts(backup, were_read=True)
        measure = Measure(asked.proof_level, self.seal.counts(backup), blocks, assertions, parts)
        report = prover.prove_in_time(backup, measure, watch)
        watch.check()
        verification = proven(verification, report)
        # the generation in the name: a worker that lost the step cannot have written the same key
        kept = prover.keep(backup, report, f"{watch.generation}")
        return verification, (*backup.artefacts, *kept)


def _not_read_again(backup: Backup) -> tuple[str, ...]:
    reused = backup.files.reused if backup.files is not None else 0
    told = f"not read again: {reused} files that did not change, copied inside the store"
    return (told,) if reused else ()


def layout_of(backup: Backup) -> tuple[Format, Compression]:
    """Return how the main dump is laid out."""
    if backup.format is None or backup.compression is None:
        raise Internal("a dumped backup has no plan")
    return backup.format, backup.compression


def parts_of(extent: Extent, result: DumpResult) -> tuple[ManifestPart, ...]:
    """Return what is known of the archives beside the dump, before they are read back."""
    return tuple(
        ManifestPart(
            name=one.name, type=one.type, counts=result.parts.get(one.name, SourceCounts())
        )
        for one in extent.parts
    )
