"""What callers see of jobs, and of how far work is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from chalicelib.api.views.answers import View
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.progress import Progress


class JobView(View):
    """Show a job; the shape of `result` depends on the kind."""

    id: str
    kind: JobKind
    project_id: str
    backup_id: str | None
    status: Status
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    deadline: datetime
    result: dict[str, Any] | None
    error: ErrorInfo | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Show this job."""
        return cls(
            id=job.id,
            kind=job.job_kind,
            project_id=job.project_id,
            backup_id=job.arguments.backup_id,
            status=job.status,
            requested_by=job.requested_by,
            created_at=job.created_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            deadline=job.deadline,
            result=job.result,
            error=job.error,
        )


class ProgressView(View):
    """Show how far a run has come, in raw bytes; `fraction` is 0 to 1, null while unknown."""

    phase: str
    raw_bytes_done: int
    raw_bytes_total: int | None
    stored_bytes: int
    fraction: float | None
    table: str | None
    tables_done: int
    tables_total: int | None
    bytes_per_s: float | None
    eta_s: float | None
    files_done: int
    files_total: int | None
    at: datetime

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Show this progress."""
        values = progress.model_dump(exclude={"id", "revision"})
        return cls(fraction=progress.fraction, **values)
