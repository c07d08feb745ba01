"""What a page that waits for a job is told."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from chalicelib.api.views.steps import StepView, steps_of_job
from chalicelib.domain.backup import Status
from chalicelib.domain.job import Job


class WaitView(BaseModel):
    """Tell an open page whether a job has ended; the other fields are those of a run."""

    status: Status
    step: str | None = None
    steps: tuple[StepView, ...]
    progress: None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Tell how far this job is."""
        return cls(status=job.status, steps=steps_of_job(job))
