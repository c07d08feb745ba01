"""Jobs: look at what a worker was asked for."""

from __future__ import annotations

from chalicelib.api.requests.backups import JobQuery
from chalicelib.api.routing import VIEWER, Call, route
from chalicelib.api.views.jobs import JobView
from chalicelib.domain.job import Job


@route("GET /v1/jobs/{job_id}", VIEWER)
def show_job(call: Call, job: Job, query: JobQuery) -> JobView:
    """Show a job; with `wait`, as soon as it has ended or the seconds are over."""
    return JobView.of(call.services.jobs.wait(job.id, query.wait))
