"""Run a restore: prepare → restore, each under a lease.

Order, and why a crash anywhere leaves an honest record:
  the manifest is ours, sizes hold          nothing was touched
  every byte read and compared              nothing was touched
  preflight passed                          nothing was touched
  record says `partially restored`          then the target changes for the first time
  record says `restored`                    everything is in, not yet compared
  record `completed` with its report        what could be compared is as in the dump's snapshot
A restore that began is never begun again: nobody knows what a worker that vanished has done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain import restore_moves, runs
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import (
    Cancelled,
    HoldfastError,
    IntegrityFailed,
    Internal,
    LeaseLost,
    RestoreFailed,
)
from chalicelib.domain.record import Write
from chalicelib.domain.restore import Comparison, Restore, RestoreReport, RestoreStep, TargetState
from chalicelib.postgres_ports import Restorer
from chalicelib.services.ledger import Ledger
from chalicelib.services.outbox import Outbox
from chalicelib.services.progress import RunWatch
from chalicelib.services.restore_sources import RestoreSources, Wanted
from chalicelib.services.restores import Restores
from chalicelib.services.single_steps import is_due
from chalicelib.services.spans import Span, untraced

MAX_NAMED: Final = 5


@dataclass(frozen=True)
class RestoreDeadlines:
    """Say how long each step may take, in seconds."""

    prepare_s: float = 120.0
    restore_s: float = 43_200.0

    def of(self, step: RestoreStep) -> timedelta:
        """Return the time of a step."""
        is_short = step is RestoreStep.PREPARE
        return timedelta(seconds=self.prepare_s if is_short else self.restore_s)

    def within(self, limit_s: float) -> RestoreDeadlines:
        """Return the same, but no step longer than whoever runs it may live."""
        return RestoreDeadlines(min(self.prepare_s, limit_s), min(self.restore_s, limit_s))


@dataclass(frozen=True)
class RestoreRunner:
    """Take one restore from wherever it stands to its end."""

    ledger: Ledger
    restores: Restores
    sources: RestoreSources
    restorer: Restorer
    outbox: Outbox
    deadlines: RestoreDeadlines
    owner: str
    span: Span = untraced

    def run(self, restore_id: str) -> Restore:
        """Run every step that is left; return the restore in its final state.

        Failures end in the record, not in an exception; only a lost lease is raised, because then
        the record is somebody else's.
        """
        while True:
            restore = self.restores.get(restore_id)
            if restore.status.is_terminal:
                self.tidy(restore_id)
                return self.restores.get(restore_id)
            try:
                with self.span(f"restore.{restore.step}"):
                    self._step(restore)
            except LeaseLost:
                raise
            except HoldfastError as error:
                self.fail(restore_id, error)

    def run_step(self, restore_id: str, step: RestoreStep) -> None:
        """Run one step when it is the next; one that is done already is left alone.

        What ends the step is raised, as by `BackupRunner.run_step`.
        """
        restore = self.restores.get(restore_id)
        if not is_due(restore, step, ORDER):
            return
        with self.span(f"restore.{step}"):
            self._step(restore)

    def tidy(self, restore_id: str) -> None:
        """Forget the password of an ended restore, and tell who wants to know of its end."""
        self.restores.finish(self.restores.get(restore_id))
        self.outbox.drain()

    def fail(self, restore_id: str, error: HoldfastError) -> None:
        """Record what happened, and what became of the target."""
        restore = self.restores.get(restore_id)
        if restore.status.is_terminal:
            return
        if restore.lease is not None and restore.lease.owner != self.owner:
            raise LeaseLost("another worker has taken this restore over")
        generation = restore.lease.generation if restore.lease else None
        stamp = self.ledger.stamp(self.owner)

        def decide(found: Restore) -> tuple[Write, ...]:
            # whoever is cancelled may end in any error: what was asked for is the reason
            cause = Cancelled("the restore was cancelled") if found.cancel_requested else error
            return restore_moves.failed(found, stamp, cause, generation=generation)

        self.ledger.apply(Restore, restore_id, decide)

    def prepare(self, restore: Restore, watch: RunWatch) -> None:
        """Hold the backup to its manifest, as far as that goes without reading all of it."""
        self.sources.trusted.manifest(self._backup(restore))
        watch.check()
        self._keep(watch, step=RestoreStep.RESTORE)

    def restore(self, restore: Restore, watch: RunWatch) -> None:
        """Fetch, look, restore, compare, and say that it is done."""
        wanted = Wanted(
            backup=self._backup(restore),
            target=restore.target,
            options=restore.options,
            run_id=restore.id,
            secret_name=restore.secret_name,
        )

        def reached(state: TargetState) -> None:
            # written before it happens: a record may say too much of a target, never too little
            self._keep(watch, target_state=state)

        with self.sources.request(wanted, watch) as request:
            report = self.restorer.restore(request, reached, watch)
        # before it is judged: of a failed restore the report is what people look at
        self._keep(watch, report=report)
        failure = failure_of(report)
        if failure is not None:
            raise failure
        self._complete(restore, watch)

    def _complete(self, restore: Restore, watch: RunWatch) -> None:
        stamp = self.ledger.stamp(self.owner)
        self.ledger.apply(
            Restore,
            restore.id,
            lambda found: restore_moves.completed(found, stamp, generation=watch.generation),
        )

    def _step(self, restore: Restore) -> None:
        claimed, watch = self._claim(restore)
        try:
            STEPS[restore.step](self, claimed, watch)
        except HoldfastError as error:
            found = self.restores.get(restore.id)
            if found.lease is None or found.lease != claimed.lease:
                raise LeaseLost("another worker has taken this restore over") from error
            raise

    def _claim(self, restore: Restore) -> tuple[Restore, RunWatch]:
        stamp = self.ledger.stamp(self.owner)
        time = self.deadlines.of(restore.step)

        def decide(found: Restore) -> tuple[Write, ...]:
            if found.cancel_requested:
                raise Cancelled("the restore was cancelled")
            return restore_moves.claimed(found, stamp, step=restore.step, deadline=stamp.now + time)

        claimed = self.ledger.apply(Restore, restore.id, decide)
        if claimed.lease is None:
            raise Internal("a claimed restore has no lease")
        deadline = self.ledger.clock.monotonic() + time.total_seconds()
        return claimed, RunWatch(
            self.ledger,
            Restore,
            restore.id,
            claimed.lease.generation,
            deadline,
            claimed.step,
        )

    def _keep(self, watch: RunWatch, **results: object) -> None:
        self.ledger.apply(
            Restore,
            watch.run_id,
            lambda found: runs.advanced(found, watch.generation, **results),
        )

    def _backup(self, restore: Restore) -> Backup:
        return self.sources.backup(restore.backup_id)


STEPS: Final[dict[RestoreStep, Callable[[RestoreRunner, Restore, RunWatch], None]]] = {
    RestoreStep.PREPARE: RestoreRunner.prepare,
    RestoreStep.RESTORE: RestoreRunner.restore,
}
ORDER: Final = tuple(STEPS)


def failure_of(report: RestoreReport) -> HoldfastError | None:
    """Return RestoreFailed for what the target refused, IntegrityFailed for what differs."""
    if report.errors_total:
        first = report.errors[0]
        return RestoreFailed(
            f"the target refused {report.errors_total} times, first {first.what}: {first.message}",
            hint=first.advice,
        )
    if report.comparison is not None and not report.comparison.is_equal:
        return IntegrityFailed(
            f"the target does not hold what the backup holds: {_differing(report.comparison)}",
            hint="Look whether triggers or other sessions changed rows meanwhile, then restore "
            "into a fresh database.",
        )
    return None


def _differing(comparison: Comparison) -> str:
    shown = [str(one) for one in comparison.differences[:MAX_NAMED]]
    more = comparison.differences_total - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
