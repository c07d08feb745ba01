"""Run a backup: prepare → dump → verify → seal → complete → notify, each step under a lease.

Commit order, and why a crash anywhere is safe:
  every child exited with 0 and bytes came   else nothing was completed: the upload is aborted
  uploads completed, size confirmed          objects without a record's word: cleared by prefix
  read back in full, checksum compared       the same
  manifest sealed, never overwritten         from here on the sweeper rolls forward
  record `completed` names attempt and seal  other attempts' objects are the reaper's
A worker that lost its lease can change nothing: every write compares the record's revision, and
every decision checks the lease generation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final

from chalicelib.domain import moves, runs
from chalicelib.domain.backup import (
    Artefact,
    Asked,
    Backup,
    Chore,
    Status,
    Step,
)
from chalicelib.domain.errors import Cancelled, HoldfastError, Internal, LeaseLost, StorageFailed
from chalicelib.domain.object_keys import MAIN, artefact_key, attempt_prefix, backup_prefix, is_dump
from chalicelib.domain.project import Project
from chalicelib.domain.record import Write
from chalicelib.platform_ports import Extent, Platform
from chalicelib.ports import ObjectStore, Signer
from chalicelib.postgres_ports import DumpPlan, DumpRequest, DumpResult, Engine, Sink
from chalicelib.services import attempt_objects
from chalicelib.services.artefact_upload import ArtefactUpload
from chalicelib.services.beside_database import BesideDatabase
from chalicelib.services.ledger import Ledger
from chalicelib.services.outbox import Outbox
from chalicelib.services.progress import RunWatch
from chalicelib.services.projects import Projects
from chalicelib.services.seal import Seal, manifest_of
from chalicelib.services.single_steps import is_due
from chalicelib.services.spans import Span, untraced
from chalicelib.services.verify_backup import BackupVerifier, layout_of, parts_of


@dataclass(frozen=True)
class Deadlines:
    """Say how long each step may take, in seconds."""

    prepare_s: float = 120.0
    dump_s: float = 43_200.0
    seal_s: float = 300.0
    complete_s: float = 60.0

    def of(self, step: Step) -> timedelta:
        """Return the time of a step; verifying reads what dumping wrote and may take as long."""
        seconds = {
            Step.PREPARE: self.prepare_s,
            Step.DUMP: self.dump_s,
            Step.VERIFY: self.dump_s,
            Step.SEAL: self.seal_s,
            Step.COMPLETE: self.complete_s,
        }
        return timedelta(seconds=seconds[step])

    def within(self, limit_s: float) -> Deadlines:
        """Return the same, but no step longer than whoever runs it may live."""
        cut = {one.name: min(getattr(self, one.name), limit_s) for one in fields(self)}
        return Deadlines(**cut)


@dataclass(frozen=True)
class BackupRunner:
    """Take one backup from wherever it stands to its end."""

    ledger: Ledger
    store: ObjectStore
    signer: Signer
    projects: Projects
    engine: Engine
    outbox: Outbox
    deadlines: Deadlines
    owner: str
    span: Span = untraced
    platform: Callable[[], Platform] | None = None

    @property
    def seal(self) -> Seal:
        """The writer of manifests."""
        return Seal(self.store, self.signer)

    def run(self, backup_id: str) -> Backup:
        """Run every step that is left; return the backup in its final state.

        Failures end in the record, not in an exception; only a lost lease is raised, because then
        the record is somebody else's.
        """
        while True:
            backup = self._get(backup_id)
            if backup.status.is_terminal:
                self.outbox.drain()
                return backup
            try:
                self._step(backup)
            except LeaseLost:
                raise
            except HoldfastError as error:
                self.fail(backup_id, error)

    def run_step(self, backup_id: str, step: Step) -> None:
        """Run one step when it is the next; one that is done already is left alone.

        What ends it is raised: whoever drives the steps decides on another try, and on `fail`.
        """
        backup = self._get(backup_id)
        if not is_due(backup, step, ORDER):
            return
        passing = self._step(backup)
        if passing is not None:
            raise passing

    def fail(self, backup_id: str, error: HoldfastError) -> None:
        """Fence the run, clear its objects, then record what happened; nothing half-done stays.

        When the store refuses to clear, the record says so and the sweeper clears later.
        """
        backup = self._get(backup_id)
        if backup.status.is_terminal:
            return
        if backup.lease is not None and backup.lease.owner != self.owner:
            raise LeaseLost("another worker has taken this backup over")
        begun = self.ledger.stamp(self.owner)
        # fenced first: a worker that paused here would clear what another has completed meanwhile
        fenced = self.ledger.apply(
            Backup, backup_id, lambda found: moves.ending(found, begun, error, held=backup.lease)
        )
        chore = self._clear(fenced)
        stamp = self.ledger.stamp(self.owner)

        def decide(found: Backup) -> tuple[Write, ...]:
            writes = moves.ended(found, stamp, held=fenced.lease)
            return tuple(attempt_objects.with_chore(write, chore) for write in writes)

        self.ledger.apply(Backup, backup_id, decide)

    # -- the steps ---------------------------------------------------------------------------

    def prepare(self, backup: Backup, watch: RunWatch) -> None:
        """Reach the server and decide how to dump it."""
        connection = self.projects.connection(backup.project_id)
        plan = self.engine.plan(connection, backup.options)
        watch.check()
        self._keep(
            watch,
            compression=plan.compression,
            format=plan.format,
            engine=plan.engine,
            server_version=plan.server_version,
            client_version=plan.client_version,
            restore_needs=plan.restore_needs,
            warnings=plan.warnings,
            step=Step.DUMP,
        )

    def dump(self, backup: Backup, watch: RunWatch) -> None:
        """Stream the database into the store under this attempt's keys, then what lies beside."""
        project = self.projects.get(backup.project_id)
        beside = BesideDatabase(self.ledger, self.store, self.platform)
        extent = beside.extent(backup, project)
        result, dumped = self._dumped(backup, self._request(backup, project, extent), watch)
        # into the store: a count for every table is too much for the record, and the seal
        # may be another invocation
        self.seal.keep_counts(backup, result.counts)
        if parts := parts_of(extent, result):
            self.seal.keep_parts(backup, parts, were_read=False)
        taken = beside.take(backup, project, dumped, watch)
        artefacts = tuple(sorted((*dumped, *taken.artefacts), key=_main_first))
        files_bytes = taken.files.size_bytes if taken.files else 0
        self._keep(
            watch,
            artefacts=artefacts,
            checksum=artefacts[0].checksum,
            stored_bytes=sum(a.stored_bytes for a in artefacts) + files_bytes,
            raw_bytes=result.raw_bytes,
            rows=result.counts.rows + sum(one.rows for one in result.parts.values()),
            files=taken.files,
            warnings=(*backup.warnings, *result.warnings, *taken.warnings),
            step=Step.VERIFY,
        )

    def verify(self, backup: Backup, watch: RunWatch) -> None:
        """Read every artefact back from the store in full."""
        self._keep(watch, **self._verifier.verified(backup, watch), step=Step.SEAL)

    def write_seal(self, backup: Backup, watch: RunWatch) -> None:
        """Describe, sign, store."""
        watch.phase("seal")
        project = self.projects.get(backup.project_id)
        counts, blocks = self.seal.counts(backup), self.seal.blocks(backup)
        parts = self.seal.parts(backup, were_read=True)
        manifest = manifest_of(backup, project.endpoint.database, counts, blocks, parts)
        watch.check()
        # the last look before what is never overwritten: whoever lost the lease seals nothing
        sha256 = self.seal.write(backup, manifest)
        self._keep(watch, manifest_sha256=sha256, step=Step.COMPLETE)

    def complete(self, backup: Backup, watch: RunWatch) -> None:
        """Say that it is done; the one write that makes the backup count."""
        sealed = self.seal.find(backup)
        if sealed is None or sealed != backup.manifest_sha256:
            raise StorageFailed("the sealed manifest is not in the store any more")
        self.seal.drop_drafts(backup)
        stamp = self.ledger.stamp(self.owner)
        chore = attempt_objects.chore_of(backup)

        def decide(found: Backup) -> tuple[Write, ...]:
            writes = moves.completed(
                found, stamp, generation=watch.generation, manifest_sha256=sealed
            )
            return tuple(attempt_objects.with_chore(write, chore) for write in writes)

        self.ledger.apply(Backup, backup.id, decide)

    # -- how steps are run -------------------------------------------------------------------

    def _step(self, backup: Backup) -> HoldfastError | None:
        with self.span(f"backup.{backup.step}"):
            return self._claimed_step(backup)

    def _claimed_step(self, backup: Backup) -> HoldfastError | None:
        """Run a step; return the error that another attempt may not meet, and raise any other."""
        claimed, watch = self._claim(backup.id, backup.step)
        try:
            STEPS[backup.step](self, claimed, watch)
        except HoldfastError as error:
            self._require_hold(claimed, error)
            if not self._another_attempt(claimed, error):
                raise
            return error
        return None

    def _require_hold(self, claimed: Backup, error: HoldfastError) -> None:
        # A paused worker may have stored objects after its attempt was written off. They are ours
        # to clear, unless the attempt lives on: in other hands, or rolled forward from our seal.
        backup = self._get(claimed.id)
        if backup.lease is not None and backup.lease == claimed.lease:
            return
        over = backup.status in {Status.FAILED, Status.CANCELLED}
        if over or backup.attempt != claimed.attempt:
            attempt_objects.clear(self.store, attempt_prefix(claimed))
        elif backup.status is Status.COMPLETED:
            self.seal.drop_drafts(backup)  # ours came behind those that were dropped
        raise LeaseLost("another worker has taken this backup over") from error

    def _claim(self, backup_id: str, step: Step) -> tuple[Backup, RunWatch]:
        stamp = self.ledger.stamp(self.owner)
        time = self.deadlines.of(step)

        def decide(backup: Backup) -> tuple[Write, ...]:
            if backup.cancel_requested:
                raise Cancelled("the backup was cancelled")
            return moves.claimed(backup, stamp, step=step, deadline=stamp.now + time)

        claimed = self.ledger.apply(Backup, backup_id, decide)
        if claimed.lease is None:
            raise Internal("a claimed backup has no lease")
        deadline = self.ledger.clock.monotonic() + time.total_seconds()
        generation = claimed.lease.generation
        return claimed, RunWatch(self.ledger, Backup, backup_id, generation, deadline, step)

    def _another_attempt(self, backup: Backup, error: HoldfastError) -> bool:
        # only a dump is tried again, under a new attempt with keys of its own
        again = backup.step is Step.DUMP and error.retryable and backup.attempt < moves.MAX_ATTEMPTS
        if again:
            attempt_objects.clear(self.store, attempt_prefix(backup))
        return again

    def _dumped(
        self, backup: Backup, request: DumpRequest, watch: RunWatch
    ) -> tuple[DumpResult, tuple[Artefact, ...]]:
        uploads: list[ArtefactUpload] = []
        with ExitStack() as opened:

            def open_sink(name: str) -> Sink:
                upload = ArtefactUpload(self.store, artefact_key(backup, name), name)
                # a failed attempt is cleared by its prefix, once none of its parts is in flight
                opened.callback(upload.close)
                uploads.append(upload)
                return upload

            result = self.engine.dump(request, open_sink, watch)
            watch.check()
            watch.publish()
            # only now, all together: of a dump that is cancelled no object appears
            return result, tuple(upload.finish() for upload in uploads)

    def _request(self, backup: Backup, project: Project, extent: Extent) -> DumpRequest:
        return DumpRequest(
            connection=self.projects.connection_of(project),
            plan=_plan(backup),
            run_id=f"{backup.id}-{backup.attempt}",
            reads_twice=backup.options.verification is Asked.STRICT,
            scope=extent.scope,
            parts=extent.parts,
            readings=extent.readings,
        )

    @property
    def _verifier(self) -> BackupVerifier:
        return BackupVerifier(self.store, self.seal, self.engine, self.projects, self.ledger.clock)

    def _keep(self, watch: RunWatch, **results: object) -> None:
        self.ledger.apply(
            Backup,
            watch.run_id,
            lambda found: runs.advanced(found, watch.generation, **results),
        )

    def _clear(self, backup: Backup) -> Chore | None:
        try:
            attempt_objects.clear(self.store, backup_prefix(backup))
        except StorageFailed:
            return Chore.CLEAN
        return None

    def _get(self, backup_id: str) -> Backup:
        return self.ledger.catalog.get(Backup, backup_id)


STEPS: Final[dict[Step, Callable[[BackupRunner, Backup, RunWatch], None]]] = {
    Step.PREPARE: BackupRunner.prepare,
    Step.DUMP: BackupRunner.dump,
    Step.VERIFY: BackupRunner.verify,
    Step.SEAL: BackupRunner.write_seal,
    Step.COMPLETE: BackupRunner.complete,
}
ORDER: Final = tuple(STEPS)


def _main_first(artefact: Artefact) -> tuple[bool, bool, str]:
    # the checksum of the first one becomes the backup's own
    return (not artefact.name.startswith(MAIN), not is_dump(artefact.name), artefact.name)


def _plan(backup: Backup) -> DumpPlan:
    file_format, compression = layout_of(backup)
    return DumpPlan(
        type=backup.options.type,
        format=file_format,
        compression=compression,
        engine=backup.engine or "",
        server_version=backup.server_version or "",
        client_version=backup.client_version or "",
        restore_needs=backup.restore_needs or "",
        warnings=backup.warnings,
    )
