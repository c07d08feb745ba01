"""The sweeper: what a crash left behind is finished or cleared, by looking, not by remembering.

Safe to run at any time, twice at once, and beside any worker: it touches a run only after the
workflow says that its execution is gone (or its lease has run out, in which case it takes that
away and ends the execution first), and every write is a compare-and-swap on the record as it then
stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Final, TypeVar

from chalicelib.domain import moves, runs
from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.channel import KEEP_DELIVERIES, Delivery
from chalicelib.domain.errors import Conflict, HoldfastError, IntegrityFailed, NotFound, WorkerLost
from chalicelib.domain.execution import Work
from chalicelib.domain.idempotency import Idempotency, day_of
from chalicelib.domain.job import Job
from chalicelib.domain.link import MAX_LIFETIME, Link
from chalicelib.domain.object_keys import backup_prefix
from chalicelib.domain.record import Query, Record, Remove, Replace, Write, id_floor
from chalicelib.domain.restore import Restore
from chalicelib.domain.session import LIFETIME, Session
from chalicelib.ports import ObjectStore, Signer, Upload, Workflow
from chalicelib.services import attempt_objects
from chalicelib.services.backups import Backups
from chalicelib.services.deletions import Deletions
from chalicelib.services.ledger import Ledger
from chalicelib.services.lost_runs import LostRuns
from chalicelib.services.outbox import BATCH, WAITING, Outbox
from chalicelib.services.reap_restores import RestoreReaper
from chalicelib.services.retention.rounds import RetentionRounds
from chalicelib.services.seal import Seal
from chalicelib.services.sweep_schedules import ScheduleSweep
from chalicelib.services.watch_sweeps import SweepWatch

ACTOR: Final = "sweeper"
PENDING_GRACE: Final = timedelta(seconds=60)
"""A pending record younger than this is on its way to the workflow by itself."""
KEEP_JOBS: Final = timedelta(days=7)
KEEP_IDEMPOTENCY_DAYS: Final = 2
PAGE: Final = 200

R = TypeVar("R", bound=Record)


@dataclass
class SweepReport:
    """Count what one sweep did."""

    scheduled: int = 0
    rolled_forward: int = 0
    failed: int = 0
    restarted: int = 0
    uploads_aborted: int = 0
    cleaned: int = 0
    deleted: int = 0
    forgotten: int = 0
    notices: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def did_anything(self) -> bool:
        """Whether the sweep changed or met anything."""
        return any(getattr(self, item.name) for item in fields(self))


@dataclass(frozen=True)
class Sweeper:
    """Bring records and objects back to where a crash never happened."""

    ledger: Ledger
    store: ObjectStore
    workflow: Workflow
    signer: Signer
    backups: Backups
    outbox: Outbox
    restores: RestoreReaper
    schedules: ScheduleSweep
    retention: RetentionRounds
    watch: SweepWatch | None = None

    def sweep(self, *, starting: bool = True) -> SweepReport:
        """Do everything once, in an order in which each part profits from the one before.

        Without `starting`, runs of schedules are left to the loop of a service that has one.
        """
        report = SweepReport()
        # first, because it waits for nothing: objects that cannot be reached must not delay runs
        report.scheduled = self.schedules.sweep(report.problems, starting=starting)
        self._reap_backups(report)
        self._reap_restores(report)
        self._reap_jobs(report)
        self._restart_pending(report)
        self._abort_orphans(report)
        self._finish_chores(report)
        self._forget(report)
        self._retain(report)
        report.notices = self.outbox.hand_on()
        self._send_for_courier(report)
        if self.watch is not None:
            self.watch.swept(len(report.problems))
        return report

    def _send_for_courier(self, report: SweepReport) -> None:
        courier = self.outbox.courier
        if courier is not None and (report.notices == BATCH or courier.is_waited_for()):
            # channels are other people's servers: workers wait for those, the sweeper never does;
            # one a minute, so that sweeps on each other's heels do not fill the queue
            self.workflow.start(Work.NOTICES, f"{self.ledger.clock.now():%Y%m%dT%H%M}")

    def _reap_backups(self, report: SweepReport) -> None:
        for backup in self._all(Backup, ("status", Status.IN_PROGRESS.value)):
            with _noting(report, backup):
                if self._is_lost(backup):
                    self._settle(backup.id, report)

    def _is_lost(self, backup: Backup) -> bool:
        return LostRuns(self.ledger, self.workflow, ACTOR).is_lost(Work.BACKUP, backup)

    def _settle(self, backup_id: str, report: SweepReport) -> None:
        # Read again: the worker may have ended well between our list and our question.
        backup = self.backups.get(backup_id)
        if backup.status is not Status.IN_PROGRESS:
            return
        # what was being ended when its worker died stays ended, sealed or not
        sealed = None if backup.ending else self._sealed(backup, report)
        if sealed is None:
            self._end(backup)
            report.failed += 1
        else:
            self._roll_forward(backup, sealed)
            report.rolled_forward += 1

    def _roll_forward(self, backup: Backup, sealed: str) -> None:
        stamp = self.ledger.stamp(ACTOR)
        generation = backup.lease.generation if backup.lease else 0
        chore = attempt_objects.chore_of(backup)

        def decide(found: Backup) -> tuple[Write, ...]:
            runs.require_lease(found, generation)
            writes = moves.completed(found, stamp, generation=None, manifest_sha256=sealed)
            return tuple(attempt_objects.with_chore(write, chore) for write in writes)

        done = self.ledger.apply(Backup, backup.id, decide)
        Seal(self.store, self.signer).drop_drafts(done)

    def _end(self, backup: Backup) -> None:
        begun = self.ledger.stamp(ACTOR)
        cause = runs.lost(backup, begun.now)
        # fenced before anything is removed: a worker that still runs could seal what is gone
        fenced = self.ledger.apply(
            Backup, backup.id, lambda found: moves.ending(found, begun, cause, held=backup.lease)
        )
        attempt_objects.clear(self.store, backup_prefix(backup))
        stamp = self.ledger.stamp(ACTOR)

        def decide(found: Backup) -> tuple[Write, ...]:
            writes = moves.ended(found, stamp, held=fenced.lease)
            return tuple(attempt_objects.with_chore(write, Chore.CLEAN) for write in writes)

        self.ledger.apply(Backup, backup.id, decide)

    def _sealed(self, backup: Backup, report: SweepReport) -> str | None:
        try:
            return Seal(self.store, self.signer).find(backup)
        except IntegrityFailed as error:
            report.problems.append(f"{backup.id}: {error.message}")
            return None

    def _reap_restores(self, report: SweepReport) -> None:
        for restore in self._all(Restore, ("status", Status.IN_PROGRESS.value)):
            with _noting(report, restore):
                report.failed += self.restores.reap(restore)
        for restore in self._all(Restore, ("chore", Chore.CLEAN.value)):
            with _noting(report, restore):
                self.restores.restores.finish(restore)
                report.cleaned += 1

    def _reap_jobs(self, report: SweepReport) -> None:
        for job in self._all(Job, ("status", Status.IN_PROGRESS.value)):
            with _noting(report, job):
                if self._is_lost_job(job):
                    self.restores.clear_job(job)
                    self.ledger.apply(Job, job.id, self._lost_job)
                    report.failed += 1

    def _is_lost_job(self, job: Job) -> bool:
        if not self.workflow.is_running(Work.JOB, job.id):
            return True
        if self.ledger.clock.now() < job.deadline + runs.LEASE_GRACE:
            return False
        # Read again: it may have ended since it was listed, and its worker be about its last words.
        if self.ledger.catalog.get(Job, job.id).status is not Status.IN_PROGRESS:
            return False
        self.workflow.stop(Work.JOB, job.id)
        return True

    def _lost_job(self, job: Job) -> tuple[Write, ...]:
        if job.status.is_terminal:
            return ()
        update = {
            "status": Status.FAILED,
            "completed_at": self.ledger.clock.now(),
            "error": WorkerLost("the worker ended without a word").info,
        }
        return (Replace(job.model_copy(update=update)),)

    def _restart_pending(self, report: SweepReport) -> None:
        ripe = self.ledger.clock.now() - PENDING_GRACE
        works: tuple[tuple[Work, type[Backup | Job | Restore]], ...] = (
            (Work.BACKUP, Backup),
            (Work.JOB, Job),
            (Work.RESTORE, Restore),
        )
        for work, kind in works:
            for record in self._all(kind, ("status", Status.PENDING.value)):
                if record.created_at < ripe and not self.workflow.is_running(work, record.id):
                    self.workflow.start(work, record.id)
                    report.restarted += 1

    def _abort_orphans(self, report: SweepReport) -> None:
        for upload in list(self.store.uploads("projects/")):
            if self._is_orphan(upload):
                self.store.abort(upload)
                report.uploads_aborted += 1

    def _is_orphan(self, upload: Upload) -> bool:
        # projects/<project>/backups/<backup>/<attempt>/<name>
        parts = upload.key.split("/")
        try:
            backup = self.backups.get(parts[3])
        except NotFound:
            return True
        return backup.status.is_terminal or str(backup.attempt) != parts[4]

    def _finish_chores(self, report: SweepReport) -> None:
        for backup in self._all(Backup, ("chore", Chore.CLEAN.value)):
            with _noting(report, backup):
                ripe = attempt_objects.is_ripe(backup, self.ledger.clock.now())
                attempt_objects.clear_rest(self.store, backup)
                # judged before the clearing: nobody can have stored anything behind it
                if ripe:
                    self.ledger.apply(Backup, backup.id, _clean)
                    report.cleaned += 1
        for backup in self._all(Backup, ("chore", Chore.DELETE.value)):
            with _noting(report, backup):
                report.deleted += Deletions(self.backups).finish_if_due(backup)

    def _retain(self, report: SweepReport) -> None:
        done = self.retention.sweep()
        report.deleted += done.removed
        report.problems += done.problems

    def _forget(self, report: SweepReport) -> None:
        now = self.ledger.clock.now()
        old_links = Query(Link, before_id=id_floor(now - MAX_LIFETIME), limit=PAGE)
        old_jobs = Query(
            Job,
            before_id=id_floor(now - KEEP_JOBS),
            limit=PAGE,
            keep=lambda job: job.status.is_terminal,
        )
        old_sessions = Query(Session, before_id=id_floor(now - LIFETIME), limit=PAGE)
        told = id_floor(now - KEEP_DELIVERIES)
        removals = [
            *self.ledger.catalog.find(old_links).items,
            *self.ledger.catalog.find(old_sessions).items,
            *self.ledger.catalog.find(old_jobs).items,
            *self._old_requests(),
            *self.ledger.catalog.find(
                Query(Notice, before_id=told, limit=PAGE, keep=_is_over)
            ).items,
            *self.ledger.catalog.find(Query(Delivery, before_id=told, limit=PAGE)).items,
        ]
        for record in removals:
            self._remove(record, report)

    def _old_requests(self) -> list[Idempotency]:
        now = self.ledger.clock.now()
        # a week of days, so that a sweeper that was off for some leaves none behind
        days = (now - timedelta(days=KEEP_IDEMPOTENCY_DAYS + past) for past in range(7))
        return [found for day in days for found in self._all(Idempotency, ("day", day_of(day)))]

    def _remove(self, record: Record, report: SweepReport) -> None:
        try:
            self.ledger.catalog.commit([Remove(record)])
        except Conflict:
            # somebody used or removed it just now; the next sweep looks again
            return
        report.forgotten += 1

    def _all(self, kind: type[R], index: tuple[str, str]) -> list[R]:
        found: list[R] = []
        before: str | None = None
        while True:
            page = self.ledger.catalog.find(Query(kind, index=index, before_id=before, limit=PAGE))
            found.extend(page.items)
            before = page.next_before_id
            if before is None:
                return found


@contextmanager
def _noting(report: SweepReport, record: Record) -> Iterator[None]:
    # One record's trouble must not keep the others waiting; it is reported and met again next time.
    try:
        yield
    except HoldfastError as error:
        report.problems.append(f"{record.kind} {record.id}: {error.code}: {error.message}")


def _is_over(notice: Notice) -> bool:
    return notice.state != WAITING


def _clean(backup: Backup) -> tuple[Write, ...]:
    if backup.chore is not Chore.CLEAN:
        return ()
    return (Replace(backup.model_copy(update={"chore": None})),)
