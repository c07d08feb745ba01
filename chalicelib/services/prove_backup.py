"""Prove a backup: hand its artefacts to the engine, keep the report beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.backup import (
    Artefact,
    Backup,
    Checksum,
    SourceCounts,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import DeadlineExceeded, IntegrityFailed, Internal
from chalicelib.domain.manifest import ManifestPart
from chalicelib.domain.object_keys import PROOF, PROOF_TEXT, artefact_key
from chalicelib.domain.progress import Progress
from chalicelib.domain.proof import (
    Assertion,
    Outcome,
    ProofLevel,
    ProofReport,
    Unproven,
    report_text,
)
from chalicelib.domain.role_statements import ROLES
from chalicelib.ports import Clock, ObjectStore
from chalicelib.postgres_ports import Engine, ProofRequest, ProofRoom, Watch


@dataclass(frozen=True)
class Measure:
    """Hold what a backup is proven by: what was counted, what was read, what people state.

    `parts` are the archives that lie beside the dump.
    """

    level: ProofLevel
    counts: SourceCounts
    blocks: tuple[BlockDigest, ...]
    assertions: tuple[Assertion, ...]
    parts: tuple[ManifestPart, ...] = ()


class TimedWatch(Watch, Protocol):
    """Be asked like any watch; `deadline` is when it will say no, by the monotonic clock."""

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    @property
    def deadline(self) -> float:
        """The reading at which the time is over."""
        ...


@dataclass(frozen=True)
class BackupProver:
    """Prove stored backups."""

    store: ObjectStore
    engine: Engine

    def prove(self, backup: Backup, measure: Measure, watch: Watch) -> ProofReport:
        """Restore a backup into scratch and compare; the report says what came of it.

        The bytes that are restored are hashed on their way: IntegrityFailed when they are not the
        ones on record.
        """
        artefacts = {artefact.name: artefact for artefact in backup.artefacts}
        request = _request(backup, measure)
        return self.engine.prove(request, lambda name: self._bytes(artefacts[name]), watch)

    def room(self, backup: Backup, measure: Measure) -> ProofRoom:
        """Say what scratch a proof would take, and how much is free where it would be made."""
        return self.engine.proof_room(_request(backup, measure))

    def prove_in_time(self, backup: Backup, measure: Measure, watch: TimedWatch) -> ProofReport:
        """Prove as `prove` does, and leave the step the time to keep what was verified before.

        A proof that does not end by then could not be made, which is a report too.
        """
        clock = watch.clock
        begun = clock.monotonic()
        try:
            return self.prove(backup, measure, _Early(watch))
        except DeadlineExceeded:
            seconds = round(clock.monotonic() - begun, 3)
            gap = Unproven(what="the whole proof", reason="the worker's time was over before it")
            return ProofReport(
                level=measure.level,
                outcome=Outcome.UNPROVEN,
                compared_with="the source's record",
                server_version=backup.server_version or "",
                scratch_version=None,
                at=clock.now(),
                seconds=seconds,
                unproven=(gap,),
            )

    def keep(self, backup: Backup, report: ProofReport, mark: str = "") -> tuple[Artefact, ...]:
        """Store the report for programs and for people; `mark` tells it from earlier ones."""
        document = report.model_dump_json(indent=2).encode() + b"\n"
        return (
            self._keep(backup, _marked(PROOF, mark), document, "application/json"),
            self._keep(
                backup, _marked(PROOF_TEXT, mark), report_text(report).encode(), "text/plain"
            ),
        )

    def _bytes(self, artefact: Artefact) -> Iterator[bytes]:
        sha256 = hashlib.sha256()
        for chunk in self.store.read(artefact.key):
            sha256.update(chunk)
            yield chunk
        if sha256.hexdigest() != artefact.checksum.value:
            raise IntegrityFailed(f"{artefact.name} does not have the checksum it was stored with")

    def _keep(self, backup: Backup, name: str, data: bytes, content_type: str) -> Artefact:
        key = artefact_key(backup, name)
        self.store.put(key, data, content_type=content_type)
        return Artefact(
            name=name,
            key=key,
            stored_bytes=len(data),
            checksum=Checksum(value=hashlib.sha256(data).hexdigest()),
        )


@dataclass(frozen=True)
class _Early:
    """Watch a proof that must end a little before its step does."""

    watch: TimedWatch

    def check(self, progress: Progress | None = None) -> None:
        if self.watch.clock.monotonic() >= self.watch.deadline - KEEPING_S:
            raise DeadlineExceeded("the proof took longer than it may")
        self.watch.check(progress)


def _request(backup: Backup, measure: Measure) -> ProofRequest:
    if backup.format is None or backup.compression is None:
        raise Internal("a backup without a plan cannot be proven")
    return ProofRequest(
        level=measure.level,
        type=backup.options.type,
        format=backup.format,
        compression=backup.compression,
        server_version=backup.server_version or "",
        client_version=backup.client_version or "",
        counts=measure.counts,
        blocks=measure.blocks,
        stored_bytes=backup.stored_bytes or 0,
        raw_bytes=backup.raw_bytes,
        assertions=measure.assertions,
        parts=measure.parts,
        has_roles=any(artefact.name == ROLES for artefact in backup.artefacts),
    )


def proven(archive: Verification, report: ProofReport) -> Verification:
    """Return what a proof adds to the verification of the archive itself.

    A proof that could not be made leaves that as it is, with the reasons. IntegrityFailed, naming
    what differs, when the copy is not equal.
    """
    if report.outcome is Outcome.DIFFERENT:
        raise IntegrityFailed(
            f"the restored copy differs: {report.sentence}",
            hint="Take another backup, and compare `holdfast prove` of both.",
        )
    unproven = (f"{one.what}: {one.reason}" for one in report.unproven)
    reasons = (*archive.reasons, *unproven)
    update: dict[str, object] = {"proof": report.level, "reasons": reasons[:MAX_REASONS]}
    if report.outcome is Outcome.EQUAL:
        by = f"PostgreSQL {report.scratch_version}"
        update |= {"level": VerificationLevel.PROOF, "by": by, "report": report.sentence}
    return archive.model_copy(update=update)


KEEPING_S = 15.0
"""To end a scratch server, store a report and write a record."""
MAX_REASONS = 20
"""More stand in proof.json: a record is one item of a table."""


def _marked(name: str, mark: str) -> str:
    stem, _, suffix = name.partition(".")
    return f"{stem}-{mark}.{suffix}" if mark else name
