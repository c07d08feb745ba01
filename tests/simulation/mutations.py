"""Bugs that are planted on purpose: the simulator is trusted because it finds each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from chalicelib.domain import moves, runs
from chalicelib.domain.backup import Backup, SourceCounts, Step, Verification, VerificationLevel
from chalicelib.domain.errors import HoldfastError, SourceLost
from chalicelib.domain.execution import Work
from chalicelib.domain.object_keys import attempt_prefix
from chalicelib.domain.record import Replace
from chalicelib.domain.schedule import ExpectedRun, Schedule
from chalicelib.ports import Upload
from chalicelib.postgres_ports import DumpRequest, DumpResult, Sink, Watch
from chalicelib.services import attempt_objects
from chalicelib.services.due_runs import DueReport, DueRuns
from chalicelib.services.progress import RunWatch
from chalicelib.services.run_backup import BackupRunner
from chalicelib.services.sweeper import ACTOR, Sweeper, SweepReport
from tests.simulation.simulate import Mutation


class Unverified(BackupRunner):
    """Believe what was stored without reading it back."""

    def _claimed_step(self, backup: Backup) -> None:
        if backup.step is not Step.VERIFY:
            super()._claimed_step(backup)
            return
        _, watch = self._claim(backup.id, backup.step)
        now = self.ledger.clock.now()
        believed = Verification(level=VerificationLevel.ARCHIVE, at=now, by="nobody", report="")
        self._keep(watch, verification=believed, validated=True, step=Step.SEAL)


class Unleased(BackupRunner):
    """Keep results without asking whether the lease is still ours."""

    def _keep(self, watch: RunWatch, **results: object) -> None:
        self.ledger.apply(
            Backup,
            watch.run_id,
            lambda found: (Replace(found.model_copy(update=results)),),
        )


class TellsFirst(BackupRunner):
    """Record the end, then clear: a cancel is told before it is clean."""

    def fail(self, backup_id: str, error: HoldfastError) -> None:
        backup = self._get(backup_id)
        if backup.status.is_terminal:
            return
        stamp = self.ledger.stamp(self.owner)
        fenced = self.ledger.apply(
            Backup, backup_id, lambda found: moves.ending(found, stamp, error, held=backup.lease)
        )
        self.ledger.apply(
            Backup, backup_id, lambda found: moves.ended(found, stamp, held=fenced.lease)
        )
        attempt_objects.clear(self.store, attempt_prefix(backup))


class ClearsUnfenced(BackupRunner):
    """Clear while somebody else may take the run over and complete it."""

    def fail(self, backup_id: str, error: HoldfastError) -> None:
        backup = self._get(backup_id)
        if backup.lease is not None and backup.lease.owner == self.owner:
            for key in self.store.keys(attempt_prefix(backup)):
                self.store.delete(key)
        super().fail(backup_id, error)


class SharesKeys(BackupRunner):
    """Work on every attempt under the name of the first."""

    def _claim(self, backup_id: str, step: Step) -> tuple[Backup, RunWatch]:
        claimed, watch = super()._claim(backup_id, step)
        return claimed.model_copy(update={"attempt": min(claimed.attempt, 1)}), watch


class IgnoresLeases(Sweeper):
    """Take every run for lost."""

    def _is_lost(self, backup: Backup) -> bool:
        return True


class BelievesLists(Sweeper):
    """Stop whatever a listing shows past its lease."""

    def _is_lost(self, backup: Backup) -> bool:
        if not self.workflow.is_running(Work.BACKUP, backup.id):
            return True
        if not runs.is_overdue(backup, self.ledger.clock.now()):
            return False
        self.workflow.stop(Work.BACKUP, backup.id)
        return True


class SweepsUnfenced(Sweeper):
    """Clear first, then end the run: its worker may seal it in between."""

    def _end(self, backup: Backup) -> None:
        attempt_objects.clear(self.store, attempt_prefix(backup))
        super()._end(backup)


class ForgetsPending(Sweeper):
    """Trust that what was asked for was also started."""

    def _restart_pending(self, report: SweepReport) -> None:
        return


class SweepsOnce(Sweeper):
    """End what is lost and never look at it again."""

    def _end(self, backup: Backup) -> None:
        begun = self.ledger.stamp(ACTOR)
        cause = runs.lost(backup, begun.now)
        fenced = self.ledger.apply(
            Backup, backup.id, lambda found: moves.ending(found, begun, cause, held=backup.lease)
        )
        attempt_objects.clear(self.store, attempt_prefix(backup))
        self.ledger.apply(
            Backup, backup.id, lambda found: moves.ended(found, begun, held=fenced.lease)
        )


class StartsFirst(DueRuns):
    """Store the backup, then settle the run that it came of."""

    def _settle_all(self, runs: Sequence[ExpectedRun], report: DueReport) -> None:
        for run in runs:
            self._attempt(run.id, report)

    def _settle(self, run_id: str, report: DueReport) -> None:
        settlement = self._decided(run_id)
        if settlement is None:
            return
        of_run = (ExpectedRun, Schedule)
        for writes in (
            [write for write in settlement.writes if not isinstance(write.record, of_run)],
            [write for write in settlement.writes if isinstance(write.record, of_run)],
        ):
            self.ledger.catalog.commit(writes)
        self._follow(settlement, report)


class _Wrapped:
    """Another adapter with one thing done wrong."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class IgnoresExitCodes(_Wrapped):
    """Take the end of the stream for the end of the dump."""

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        try:
            return self._dumped(request, open_sink, watch)
        except SourceLost:
            return DumpResult(counts=SourceCounts(), raw_bytes=None)

    def _dumped(self, *arguments: Any) -> DumpResult:
        result: DumpResult = self._inner.dump(*arguments)
        return result


class ForgetsUploads(_Wrapped):
    """Say that an upload was aborted, and keep it."""

    def abort(self, upload: Upload) -> None:
        return

    def uploads(self, prefix: str) -> Iterator[Upload]:
        # what is not listed is not missed: only the checker looks at the store itself
        return iter(()) if prefix else self._inner.uploads(prefix)


MUTATIONS: Final = (
    Mutation("complete before verify", runner=Unverified),
    Mutation("lease without generation", runner=Unleased),
    Mutation("complete on end of file", engine=IgnoresExitCodes),
    Mutation("attempts share their keys", runner=SharesKeys),
    Mutation("cancel told before it is clean", runner=TellsFirst),
    Mutation("worker clears before it fences", runner=ClearsUnfenced),
    Mutation("abort forgets the upload", store=ForgetsUploads),
    Mutation("sweeper ignores leases", sweeper=IgnoresLeases),
    Mutation("sweeper believes its listing", sweeper=BelievesLists),
    Mutation("sweeper clears before it fences", sweeper=SweepsUnfenced),
    Mutation("sweeper looks only once", sweeper=SweepsOnce),
    Mutation("sweeper lets pending ones wait", sweeper=ForgetsPending),
    Mutation("backup before its run is settled", due_runs=StartsFirst),
)
