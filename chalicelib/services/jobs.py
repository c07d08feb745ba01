"""Jobs: ask a worker for something, look at the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert
from chalicelib.ports import Workflow
from chalicelib.services.ledger import Ledger

DEADLINES: Final = {
    JobKind.TEST: timedelta(minutes=2),
    JobKind.ESTIMATE: timedelta(minutes=5),
    JobKind.DISCOVER: timedelta(minutes=5),
    JobKind.VERIFY: timedelta(hours=12),
    JobKind.CONTENTS: timedelta(minutes=10),
    JobKind.ROWS: timedelta(minutes=10),
    JobKind.TEXT: timedelta(minutes=2),
    JobKind.PREFLIGHT: timedelta(hours=12),
    JobKind.CHANNEL_TEST: timedelta(minutes=2),
}
MAX_WAIT_S: Final = 20.0
"""API Gateway gives up after 29 s."""


@dataclass(frozen=True)
class Jobs:
    """Keep the records of jobs and start their runs."""

    ledger: Ledger
    workflow: Workflow
    pause: Callable[[float], object]

    def request(
        self,
        actor: str,
        kind: JobKind,
        project_id: str,
        arguments: JobArguments,
        *,
        job_id: str | None = None,
    ) -> Job:
        """Store a pending job for a project and start it; `job_id` is one made beforehand."""
        # NotFound for a project that is none, before anything is stored
        self.ledger.catalog.get(Project, project_id)
        job = self._new(actor, kind, project_id, arguments)
        return self._begin(job.model_copy(update={"id": job_id or job.id}))

    def request_for_service(self, actor: str, kind: JobKind, arguments: JobArguments) -> Job:
        """Store a pending job that belongs to no project and start it."""
        return self._begin(self._new(actor, kind, "", arguments))

    def get(self, job_id: str) -> Job:
        """Return a job; NotFound when there is none."""
        return self.ledger.catalog.get(Job, job_id)

    def wait(self, job_id: str, timeout_s: float) -> Job:
        """Return a job as soon as it has ended, or as it stands after the time-out."""
        until = self.ledger.clock.monotonic() + min(timeout_s, MAX_WAIT_S)
        job = self.get(job_id)
        while not job.status.is_terminal and self.ledger.clock.monotonic() < until:
            self.pause(0.1)
            job = self.get(job_id)
        return job

    def _new(self, actor: str, kind: JobKind, project_id: str, arguments: JobArguments) -> Job:
        now = self.ledger.clock.now()
        return Job(
            id=self.ledger.ids.new(),
            job_kind=kind,
            project_id=project_id,
            arguments=arguments,
            requested_by=actor,
            created_at=now,
            deadline=now + DEADLINES[kind],
        )

    def _begin(self, job: Job) -> Job:
        asked = self.ledger.event(
            job.requested_by, "job.requested", job.id, job.project_id, kind=job.job_kind.value
        )
        self.ledger.catalog.commit([Insert(job), asked])
        self.workflow.start(Work.JOB, job.id)
        return self.get(job.id)
