"""Bugs of retention that are planted on purpose; the checker is trusted because it finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.record import Page, Query, Write
from chalicelib.domain.retention.outlines import BackupOutline
from chalicelib.services.deletions import Deletions
from chalicelib.services.retention.look import Looking
from chalicelib.services.retention.removal import Doomed, Removal
from chalicelib.services.retention.rounds import RetentionRounds
from chalicelib.services.retention.run import RetentionRun
from chalicelib.services.sweeper import Sweeper, SweepReport
from tests.simulation.simulate import Mutation


class TakesFailedForGood:
    """A catalog in which whatever ended was validated."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, query: Query[Any]) -> Page[Any]:
        page: Page[Any] = self._inner.find(query)
        return replace(page, items=tuple(_believed(record) for record in page.items))


def _believed(record: object) -> object:
    if isinstance(record, BackupOutline) and record.status is Status.FAILED:
        return record.model_copy(update={"status": Status.COMPLETED, "validated": True})
    return record


class Careless(Removal):
    """Remove what was judged, whatever became of it since."""

    def is_as_judged(self, doomed: Doomed, backup: Backup) -> bool:
        return True


class Floorless(Removal):
    """Do not look again at what has to stay."""

    def _floor(self, doomed: Doomed) -> Iterator[Write]:
        return iter(())


class CountsFailed(RetentionRun):
    """Let failed backups count for the rules."""

    @property
    def looking(self) -> Looking:
        catalog: Any = TakesFailedForGood(self.ledger.catalog)
        return Looking(replace(self.ledger, catalog=catalog))

    @property
    def removal(self) -> Removal:
        return Floorless(self.ledger, self.deletions)


class LooksOnce(RetentionRun):
    """Remove without deciding again."""

    @property
    def removal(self) -> Removal:
        return Careless(self.ledger, self.deletions)


class _Sweeps(Sweeper):
    run: type[RetentionRun] = RetentionRun

    def _retain(self, report: SweepReport) -> None:
        run = type(self).run(self.ledger, Deletions(self.backups))
        report.deleted += RetentionRounds(self.ledger, run).sweep().removed


class SweepsCountingFailed(_Sweeps):
    run = CountsFailed


class SweepsLookingOnce(_Sweeps):
    run = LooksOnce


MUTATIONS: Final = (
    Mutation("retention counts failed ones", sweeper=SweepsCountingFailed),
    Mutation("removal without another look", sweeper=SweepsLookingOnce),
)
