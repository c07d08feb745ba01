"""How far somebody has come on the way to the first proven backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.dashboard.routing import Visit
from chalicelib.domain.backup import Backup, Status, VerificationLevel
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.services.backups import BackupFilter


@dataclass(frozen=True)
class FirstRun:
    """Hold how far somebody has come: the newest of each, None where there is none."""

    project: Project | None
    test: Job | None
    backup: Backup | None

    @property
    def is_reached(self) -> bool:
        """Whether a worker found that a backup can be made."""
        result = self.test.result if self.test else None
        return result is not None and not result.get("problems")

    @property
    def is_backed_up(self) -> bool:
        """Whether the newest backup is completed."""
        return self.backup is not None and self.backup.status is Status.COMPLETED

    @property
    def is_proven(self) -> bool:
        """Whether it was restored and compared."""
        found = self.backup.verification if self.backup else None
        return self.is_backed_up and found is not None and found.level is VerificationLevel.PROOF

    @property
    def step(self) -> int:
        """The step that comes next, counted from 1; 5 when all are done."""
        done = (self.project is not None, self.is_reached, self.is_backed_up, self.is_proven)
        # whoever has a backup needs no test of the connection any more
        reached = (done[0], done[1] or self.backup is not None, done[2], done[3])
        return next((number for number, one in enumerate(reached, 1) if not one), 5)


def first_steps(visit: Visit, project: Project | None) -> dict[str, Any]:
    """Return what the page of the first steps shows, for the project that is on its way."""
    found = FirstRun(
        project,
        _latest_test(visit, project) if project else None,
        _latest_backup(visit, project) if project else None,
    )
    # Posted along, so that a button pressed twice asks for one backup.
    return {"found": found, "request": visit.services.ledger.ids.new()}


def _latest_test(visit: Visit, project: Project) -> Job | None:
    query = Query(
        Job,
        index=("project_id", project.id),
        limit=1,
        keep=lambda job: job.job_kind is JobKind.TEST,
    )
    return next(iter(visit.services.ledger.catalog.find(query).items), None)


def _latest_backup(visit: Visit, project: Project) -> Backup | None:
    found = visit.services.backups.find(
        BackupFilter(project_id=project.id), limit=1, before_id=None
    )
    return next(iter(found.items), None)
