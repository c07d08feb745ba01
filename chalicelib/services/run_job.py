"""Run a job: the work behind connection tests, estimates, discovery and later verification."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter

from chalicelib.domain.backup import (
    Artefact,
    Asked,
    Backup,
    BackupOptions,
    Status,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.contents import MAX_RESULT_BYTES, RowsWanted
from chalicelib.domain.errors import (
    DeadlineExceeded,
    HoldfastError,
    IntegrityFailed,
    Internal,
    InvalidRequest,
    LeaseLost,
)
from chalicelib.domain.estimate import RUNS, expected, is_similar
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.measure import require_equal, require_second_reading
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.object_keys import is_dump
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Page, Query, Replace, Write
from chalicelib.domain.refused_login import info_of
from chalicelib.domain.restore import Preflight
from chalicelib.ports import Clock, ObjectStore, Signer
from chalicelib.postgres_ports import Engine, Estimate, ProofRoom, SourceReport, Watch
from chalicelib.services.ledger import Ledger
from chalicelib.services.look_inside import Looker
from chalicelib.services.projects import NewProject, Projects
from chalicelib.services.prove_backup import MAX_REASONS, BackupProver, Measure, proven
from chalicelib.services.read_text import read_text
from chalicelib.services.seal import Seal
from chalicelib.services.spans import Span, untraced
from chalicelib.services.verify_archive import ArchiveVerifier
from chalicelib.services.verify_files import verify_listings

_TOLD: Final = {"level", "proof", "report", "reasons"}
"""What of a proof becomes a job's result."""


@dataclass(frozen=True)
class _JobWatch:
    """Stop a job at its deadline, a reading of the monotonic clock."""

    clock: Clock
    deadline: float

    def check(self, progress: Progress | None = None) -> None:
        """Raise DeadlineExceeded once it is time; jobs publish no progress."""
        del progress
        if self.clock.monotonic() >= self.deadline:
            raise DeadlineExceeded(
                "the job took longer than it may",
                hint="Let a worker do it that has more time: on AWS a task, by its Subnets.",
            )


@dataclass(frozen=True)
class _Judgement:
    """Hold what a verification found and keeps, or why it failed."""

    found: Verification | None = None
    kept: tuple[Artefact, ...] = ()
    error: HoldfastError | None = None

    def action(self, *, proof: bool) -> str:
        """Return how the audit log calls it."""
        if self.error is not None:
            return "backup.unproven" if proof else "backup.unverified"
        is_proven = self.found is not None and self.found.level is VerificationLevel.PROOF
        return "backup.proven" if is_proven else "backup.verified"


@dataclass(frozen=True)
class JobRunner:
    """Take one job from pending to its end; `limit_s` is how long this worker may live."""

    ledger: Ledger
    store: ObjectStore
    signer: Signer
    projects: Projects
    engine: Engine
    owner: str
    limit_s: float = math.inf
    span: Span = untraced
    preflighting: Callable[[Job, Watch], Preflight] | None = None
    channel_test: Callable[[Job], dict[str, object]] | None = None
    platform_test: Callable[[Project], tuple[SourceReport, dict[str, Any]]] | None = None

    def run(self, job_id: str) -> Job:
        """Do the work and keep its result or its error; a finished job is left as it is."""
        job = self.ledger.apply(Job, job_id, self._begin)
        if job.status.is_terminal:
            return job
        try:
            with self.span(f"job.{job.job_kind}"):
                result = ACTIONS[job.job_kind](self, job)
        except HoldfastError as error:
            return self.fail(job_id, error)
        return self._end(job_id, status=Status.COMPLETED, result=result)

    def fail(self, job_id: str, error: HoldfastError) -> Job:
        """Keep an error as the job's result."""
        job = self.ledger.catalog.get(Job, job_id)
        return self._end(job_id, status=Status.FAILED, error=info_of(error, job.reaches))

    def test(self, job: Job) -> dict[str, Any]:
        """Reach the project's server and say what a backup would meet."""
        project = self.projects.get(job.project_id)
        if project.supabase is not None and self.platform_test is not None:
            found, platform = self.platform_test(project)
            return {**_as_json(SourceReport, found), "supabase": platform}
        report = self.engine.test(self.projects.connection(job.project_id))
        return _as_json(SourceReport, report)

    def estimate(self, job: Job) -> dict[str, Any]:
        """Size a backup from the catalogue, and say how long it takes and what it would meet."""
        options = job.arguments.options or BackupOptions()
        estimate = self.engine.estimate(self.projects.connection(job.project_id), options)
        earlier = Query(
            Backup,
            index=("project_id", job.project_id),
            limit=RUNS,
            keep=lambda run: is_similar(run, options),
        )
        similar = self.ledger.catalog.find(earlier).items
        told = replace(estimate, expected=expected(similar, estimate.table_bytes))
        return _as_json(Estimate, told)

    def discover(self, job: Job) -> dict[str, Any]:
        """Make a project for every other database of the project's server, if there is none."""
        project = self.projects.get(job.project_id)
        connection = self.projects.connection(job.project_id)
        known = self._databases_of(project)
        created = []
        for database in self.engine.databases(connection):
            if database in known:
                continue
            name = f"{database}@{project.endpoint.host}"[:200]
            new = NewProject(name, connection.at(database), dict(project.tags))
            created.append(self.projects.create(job.requested_by, new).id)
        return {"project_ids": created}

    def verify(self, job: Job) -> dict[str, Any]:
        """Read a completed backup back again; what it finds becomes part of the backup's record."""
        backup = self._completed(job)
        if backup.format is None or backup.compression is None:
            raise Internal("a completed backup has no plan")
        watch = self._watch(job)
        verifier = ArchiveVerifier(self.store, self.engine)
        layout = (backup.format, backup.compression)
        try:
            manifest = Seal(self.store, self.signer).manifest(backup)
            dumps = [artefact for artefact in backup.artefacts if is_dump(artefact.name)]
            is_strict = job.arguments.level is Asked.STRICT
            if is_strict:
                require_second_reading(manifest.counts)
            reports = [verifier.verify(a, layout, watch) for a in dumps]
            verify_listings(self.store, backup, watch.check)
            left_open = require_equal(manifest.counts, reports[0].blocks) if is_strict else ()
            found = Verification(
                level=VerificationLevel.ARCHIVE,
                at=self.ledger.clock.now(),
                by=reports[0].read_by,
                report="manifest, and size, checksum and a full read of every artefact",
                reasons=(*reports[0].reasons, *left_open)[:MAX_REASONS],
            )
            found, kept = self._proven(job, (backup, manifest), found, watch)
        except IntegrityFailed as error:
            self._judge(job, backup.id, _Judgement(error=error))
            raise
        self._judge(job, backup.id, _Judgement(found, kept))
        return {
            "backup_id": backup.id,
            "validated": True,
            "read_by": reports[0].read_by,
            **found.model_dump(mode="json", include=_TOLD if found.proof else {"reasons"}),
        }

    def _proven(
        self,
        job: Job,
        sealed: tuple[Backup, Manifest],
        found: Verification,
        watch: _JobWatch,
    ) -> tuple[Verification, tuple[Artefact, ...]]:
        backup, manifest = sealed
        measure = self._measure(job, backup, manifest)
        if measure is None:
            return found, ()
        prover = BackupProver(self.store, self.engine)
        report = prover.prove_in_time(backup, measure, watch)
        watch.check()
        kept = prover.keep(backup, report, job.id)
        return proven(found, report), kept

    def _measure(self, job: Job, backup: Backup, manifest: Manifest) -> Measure | None:
        level = (job.arguments.level or Asked.ARCHIVE).proof_level
        if level is None:
            return None
        assertions = self.projects.get(backup.project_id).assertions
        return Measure(level, manifest.counts, manifest.blocks, assertions, manifest.parts)

    def proof_room(self, job: Job, backup: Backup) -> ProofRoom | None:
        """Say what room the proof takes that a job asks for; None where it asks for none."""
        if job.job_kind is not JobKind.VERIFY or job.arguments.level is None:
            return None
        manifest = Seal(self.store, self.signer).manifest(backup)
        measure = self._measure(job, backup, manifest)
        if measure is None:
            return None
        return BackupProver(self.store, self.engine).room(backup, measure)

    def contents(self, job: Job) -> dict[str, Any]:
        """List what a completed backup holds, as far as one answer can."""
        found = self._looker(job).contents(self._completed(job))
        return found.fitted(MAX_RESULT_BYTES).model_dump(mode="json")

    def rows(self, job: Job) -> dict[str, Any]:
        """Show the first rows of one table of a completed backup."""
        wanted = RowsWanted(job.arguments.table or "", job.arguments.limit or 1)
        found = self._looker(job).rows(self._completed(job), wanted)
        return found.model_dump(mode="json")

    def text(self, job: Job) -> dict[str, Any]:
        """Show a text that lies beside a completed backup."""
        backup = self._completed(job)
        return read_text(self.store, backup, job.arguments.artefact or "").model_dump(mode="json")

    def _watch(self, job: Job) -> _JobWatch:
        clock = self.ledger.clock
        left_s = (job.deadline - clock.now()).total_seconds()
        return _JobWatch(clock, clock.monotonic() + min(left_s, self.limit_s))

    def _looker(self, job: Job) -> Looker:
        watch = self._watch(job)
        return Looker(self.store, Seal(self.store, self.signer), self.engine, watch)

    def _completed(self, job: Job) -> Backup:
        backup_id = job.arguments.backup_id
        if backup_id is None:
            raise InvalidRequest(f"a {job.job_kind} job needs a backup", field="backup_id")
        backup = self.ledger.catalog.get(Backup, backup_id)
        if backup.status is not Status.COMPLETED:
            raise InvalidRequest(f"backup is {backup.status}, there is nothing to read")
        return backup

    def preflight(self, job: Job) -> dict[str, Any]:
        """Say what a restore would meet."""
        if self.preflighting is None:
            raise Internal("this worker was built without a restorer")
        watch = self._watch(job)
        return _as_json(Preflight, self.preflighting(job, watch))

    def test_channel(self, job: Job) -> dict[str, Any]:
        """Send a test notice to a channel."""
        if self.channel_test is None:
            raise Internal("this worker was built without a courier")
        return self.channel_test(job)

    def _databases_of(self, project: Project) -> set[str]:
        same = (project.endpoint.host, project.endpoint.port)
        known: set[str] = set()
        before: str | None = None
        while True:
            page: Page[Project] = self.projects.find(Query(Project, before_id=before, limit=200))
            known.update(
                p.endpoint.database
                for p in page.items
                if (p.endpoint.host, p.endpoint.port) == same
            )
            before = page.next_before_id
            if before is None:
                return known

    def _judge(self, job: Job, backup_id: str, judgement: _Judgement) -> None:
        # a later verification that fails leaves `completed`, with validated=false
        asked = job.arguments.level or Asked.ARCHIVE
        action = judgement.action(proof=asked.proof_level is not None)

        def decide(backup: Backup) -> tuple[Write, ...]:
            running = self.ledger.catalog.get(Job, job.id)
            if running.status.is_terminal:
                # a worker that slept: others may have found out more since
                raise LeaseLost("the job was ended before this was found")
            update = {
                "validated": judgement.found is not None,
                "verification": judgement.found,
                "artefacts": (*backup.artefacts, *judgement.kept),
            }
            event = self.ledger.event(
                job.requested_by, action, backup.id, backup.project_id, job=job.id
            )
            told = [self._failed_proof(backup, judgement.error)] if judgement.error else []
            # the job in the same commit: of its end and this, one is refused
            return (Replace(backup.model_copy(update=update)), Replace(running), event, *told)

        self.ledger.apply(Backup, backup_id, decide)

    def _failed_proof(self, backup: Backup, error: HoldfastError) -> Insert:
        info = {"code": error.code, "message": error.message, "hint": error.hint}
        return self.ledger.notice(
            NoticeKind.PROOF_FAILED, backup.id, backup.project_id, name=backup.name, **info
        )

    def _begin(self, job: Job) -> tuple[Write, ...]:
        if job.status is not Status.PENDING:
            return ()
        update = {
            "status": Status.IN_PROGRESS,
            "started_at": self.ledger.clock.now(),
            "owner": self.owner,
        }
        return (Replace(job.model_copy(update=update)),)

    def _end(self, job_id: str, **update: object) -> Job:
        def decide(job: Job) -> tuple[Write, ...]:
            if job.status.is_terminal:
                return ()
            done = {**update, "completed_at": self.ledger.clock.now()}
            return (Replace(job.model_copy(update=done)),)

        return self.ledger.apply(Job, job_id, decide)


ACTIONS: Final[dict[JobKind, Callable[[JobRunner, Job], dict[str, Any]]]] = {
    JobKind.TEST: JobRunner.test,
    JobKind.ESTIMATE: JobRunner.estimate,
    JobKind.DISCOVER: JobRunner.discover,
    JobKind.VERIFY: JobRunner.verify,
    JobKind.CONTENTS: JobRunner.contents,
    JobKind.ROWS: JobRunner.rows,
    JobKind.TEXT: JobRunner.text,
    JobKind.PREFLIGHT: JobRunner.preflight,
    JobKind.CHANNEL_TEST: JobRunner.test_channel,
}


def _as_json(kind: type[Any], value: object) -> dict[str, Any]:
    result = TypeAdapter(kind).dump_python(value, mode="json")
    if not isinstance(result, dict):
        raise Internal("a job's result is not an object")
    return result
