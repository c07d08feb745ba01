"""An estimate before a backup: a worker looks, the form keeps what was chosen meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.api.routing import OPERATOR
from chalicelib.dashboard.estimating import Foretold, foretold
from chalicelib.dashboard.forms import Form, Typed
from chalicelib.dashboard.pages.manual import ManualForm, form_values, show_manual
from chalicelib.dashboard.routing import Html, Visit, page
from chalicelib.domain.backup import BackupOptions, Status, plan_format
from chalicelib.domain.errors import InvalidRequest, NotFound, Unsupported
from chalicelib.domain.estimate import RUNS
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.services.backups import BackupFilter


@dataclass(frozen=True)
class EstimateShown:
    """Hold a job that estimates, and what it found, once it has."""

    job: Job
    found: Foretold | None


@page("POST /dashboard/backups/manual/estimate", OPERATOR, shown_by=show_manual, starts_work=True)
def begin_estimate(visit: Visit, form: Form[ManualForm]) -> Html:
    """Let a worker look at the source; the form is shown again with all that was typed."""
    project = visit.call.project(form.model.project)
    try:
        options = form.model.options(project)
        plan_format(options)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    arguments = JobArguments(options=options)
    job = visit.services.jobs.request(visit.actor.name, JobKind.ESTIMATE, project.id, arguments)
    return _with_estimate(visit, form, job)


@page("POST /dashboard/backups/manual/look", OPERATOR, shown_by=show_manual)
def look_at_estimate(visit: Visit, form: Form[ManualForm]) -> Html:
    """Show the form again, with what the worker has found by now."""
    return _with_estimate(visit, form, _job(visit, form.model.estimate or ""))


@page("GET /dashboard/backups/manual/estimates/{job_id}", OPERATOR)
def show_estimate(visit: Visit, job: Job) -> Html:
    """Show an estimate alone, for a form that asks again and again."""
    return Html("estimate_page.html", {"estimate": _shown(visit, job)})


def _with_estimate(visit: Visit, form: Form[ManualForm], job: Job) -> Html:
    values = form_values(visit, Typed(form.values), form.model.project)
    return Html("manual.html", {**values, "estimate": _shown(visit, job)})


def _job(visit: Visit, job_id: str) -> Job:
    # its id came in the form and not in the path, so nobody has looked yet whose it is
    job = visit.services.jobs.get(job_id)
    if not visit.actor.sees(job.project_id):
        raise NotFound("there is no such job")
    return job


def _shown(visit: Visit, job: Job) -> EstimateShown:
    if job.job_kind is not JobKind.ESTIMATE:
        raise NotFound("there is no such estimate")
    if job.result is None:
        return EstimateShown(job, None)
    earlier = visit.services.backups.find(
        BackupFilter(project_id=job.project_id, status=Status.COMPLETED),
        limit=RUNS,
        before_id=None,
    )
    options = job.arguments.options or BackupOptions()
    return EstimateShown(job, foretold(job.result, options, earlier.items))
