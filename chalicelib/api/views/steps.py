"""What callers see of the way of a run: its steps, each with when it began and how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from chalicelib.api.views.answers import View
from chalicelib.domain.job import Job
from chalicelib.domain.run_steps import StepBegun, timed, words_of
from chalicelib.domain.runs import Run

LATEST: Final = 6
"""What somebody who waits is told: that answer is asked for every second."""


class StepView(View):
    """Show a step of a run, or a `phase` inside one; `words` say it to people.

    A step begun anew shows again. `duration_s` is null while it goes on.
    """

    step: str
    phase: str | None
    words: str
    attempt: int
    began_at: datetime
    duration_s: float | None


def steps_of(run: Run) -> tuple[StepView, ...]:
    """Show all steps that a run keeps, in the order they began."""
    return tuple(
        _view(run.kind, taken.begun, taken.duration_s)
        for taken in timed(run.steps, run.completed_at)
    )


def latest_steps_of(run: Run) -> tuple[StepView, ...]:
    """Show the last few steps of a run."""
    return steps_of(run)[-LATEST:]


def steps_of_job(job: Job) -> tuple[StepView, ...]:
    """Show what a job has gone through: it waits for a worker, then one works."""
    return tuple(
        _view(job.kind, taken.begun, taken.duration_s)
        for taken in timed(tuple(_begun(job)), job.completed_at)
    )


def _begun(job: Job) -> Iterator[StepBegun]:
    yield StepBegun(step="wait", attempt=1, began_at=job.created_at)
    if job.started_at is not None:
        yield StepBegun(step="work", attempt=1, began_at=job.started_at)


def _view(kind: str, begun: StepBegun, duration_s: float | None) -> StepView:
    return StepView(**begun.model_dump(), words=words_of(kind, begun), duration_s=duration_s)
