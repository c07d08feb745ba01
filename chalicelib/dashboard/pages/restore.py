"""A restore in three steps: say what and where, look at what it would meet, confirm by name."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from chalicelib.api.requests.fields import QueryString, RecordId
from chalicelib.api.requests.restores import RestoreRequest, RestoreTargetFields
from chalicelib.api.routes.restores import new_restore, show_restore_progress
from chalicelib.api.routing import OPERATOR, VIEWER, Call
from chalicelib.api.views.restores import RestoreProgressView
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.pages.waiting import WaitView
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.timeline import restore_timeline_of
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import InvalidRequest, NotFound, RequestError
from chalicelib.domain.job import Job, JobKind, RestoreArguments
from chalicelib.domain.restore import (
    MAX_JOBS,
    Restore,
    RestoreOptions,
    RestoreStep,
    RestoreTarget,
    confirmation_of,
)
from chalicelib.services.backups import BackupFilter
from chalicelib.services.restores import NewRestore, RestoreFilter

CHOICES: Final = 50
LATEST: Final = 25


def _lines(typed: object) -> object:
    if not isinstance(typed, str):
        return typed
    return tuple(line.strip() for line in typed.splitlines() if line.strip())


class RestoreQuery(QueryString):
    """Say which backup is chosen to begin with."""

    backup: RecordId | None = None


class RestoreForm(BaseModel):
    """Say what to restore, and where to: into a project, or by a URL."""

    model_config = ConfigDict(extra="forbid")

    backup: RecordId
    project: RecordId | None = None
    url: Annotated[SecretStr, Field(max_length=4096)] | None = None
    part: Annotated[str, Field(pattern="^(all|schema|data)$")] = "all"
    tables: Annotated[tuple[str, ...], BeforeValidator(_lines)] = ()
    clean: bool = False
    no_owner: bool = False
    jobs: Annotated[int, Field(ge=1, le=MAX_JOBS)] = 1


class ConfirmForm(BaseModel):
    """Name the target; a URL is asked for again, because its password was not kept."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[str, Field(max_length=600)] = ""
    url: Annotated[SecretStr, Field(max_length=4096)] | None = None


@page("GET /dashboard/backups/restore", OPERATOR)
def show_restore_form(visit: Visit, query: RestoreQuery) -> Html:
    """Ask what to restore and where to."""
    found = visit.services.backups.find(
        BackupFilter(status=Status.COMPLETED, projects=visit.actor.projects),
        limit=CHOICES,
        before_id=None,
    )
    chosen = visit.typed.value("backup", query.backup or "")
    backups = list(found.items)
    # a link may lead here from a backup that is older than the list is long
    if chosen and chosen not in {one.id for one in backups}:
        backups.append(visit.call.backup(chosen))
    return Html(
        "restore_form.html",
        {
            "backups": backups,
            "chosen": chosen,
            "projects": visible_projects(visit),
            "names": {one.id: one.name for one in visible_projects(visit)},
        },
    )


@page("POST /dashboard/backups/restore", OPERATOR, shown_by=show_restore_form, starts_work=True)
def look_before_restore(visit: Visit, form: Form[RestoreForm]) -> SeeOther:
    """Let a worker look at backup and target; nothing is changed."""
    asked = form.model
    if (asked.project is None) == (asked.url is None):
        raise Unfit(Typed(form.values, {"project": "choose a project, or give a URL below"}))
    try:
        new = new_restore(visit.call, _request(form), None)
        job = visit.services.restores.preflight(visit.actor.name, _unconfirmed(visit, new))
    except RequestError as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/restores/preflights/{job.id}")


@page("GET /dashboard/restores/preflights/{job_id}", OPERATOR)
def show_preflight(visit: Visit, job: Job) -> Html:
    """Show what the restore would meet, and ask to confirm it."""
    arguments, backup = _preflight(visit, job)
    endpoint = _endpoint(visit.call, arguments.target)
    return Html(
        "preflight.html",
        {
            "job": job,
            "backup": backup,
            "options": arguments.options,
            "needs_url": arguments.target.endpoint is not None,
            "confirmation": confirmation_of(endpoint),
            "result": job.result or {},
            "passes": job.status is Status.COMPLETED and not (job.result or {}).get("problems"),
        },
    )


@page("GET /dashboard/restores/preflights/{job_id}/progress", OPERATOR)
def show_preflight_progress(job: Job) -> WaitView:
    """Tell an open page whether the worker has looked."""
    return WaitView.of(job)


@page(
    "POST /dashboard/restores/preflights/{job_id}",
    OPERATOR,
    shown_by=show_preflight,
    starts_work=True,
)
def confirm_restore(visit: Visit, job: Job, form: Form[ConfirmForm]) -> SeeOther:
    """Begin the restore whose target was named."""
    arguments, backup = _preflight(visit, job)
    expected = confirmation_of(_endpoint(visit.call, arguments.target))
    # asked for every restore, not for those with `clean` only: rows in the wrong database are lost
    # in it just as well
    if form.model.confirm.strip() != expected:
        raise Unfit(Typed(form.values, {"confirm": "this does not name the target"}))
    try:
        # the look's id is the key below: confirmed twice, it is one restore
        target = _same_target(arguments, form.model)
        new = new_restore(
            visit.call, _repeated(backup, target, arguments.options, expected), job.id
        )
        restore = visit.services.restores.request(visit.actor.name, new)
    except RequestError as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/restores/{restore.id}")


@page("GET /dashboard/restores", VIEWER)
def show_restores(visit: Visit) -> Html:
    """List the latest restores."""
    found = visit.services.restores.find(
        RestoreFilter(projects=visit.actor.projects), limit=LATEST, before_id=None
    )
    return Html("restores.html", {"restores": found.items})


@page("GET /dashboard/restores/{restore_id}", VIEWER)
def show_restore_page(visit: Visit, restore: Restore) -> Html:
    """Show a restore: how far it is, or what came of it."""
    return Html(
        "restore.html",
        {
            "restore": restore,
            "where": _where(visit, restore.target),
            "backup": _backup_of(visit, restore),
            "steps": " ".join(RestoreStep),
            "timeline": restore_timeline_of(restore),
        },
    )


@page("GET /dashboard/restores/{restore_id}/progress", VIEWER)
def show_restore_page_progress(visit: Visit, restore: Restore) -> RestoreProgressView:
    """Tell an open page how far the restore has come."""
    return show_restore_progress(visit.call, restore)


@page("POST /dashboard/restores/{restore_id}/cancel", OPERATOR, shown_by=show_restore_page)
def cancel_restore_form(visit: Visit, restore: Restore, form: Form[EmptyForm]) -> SeeOther:
    """Cancel the restore."""
    del form
    visit.services.restores.cancel(visit.actor.name, restore.id)
    return SeeOther(f"/dashboard/restores/{restore.id}?notice=stopping")


def _request(form: Form[RestoreForm]) -> RestoreRequest:
    asked = form.model
    try:
        return RestoreRequest(
            backup_id=asked.backup,
            target=RestoreTargetFields(project_id=asked.project, url=asked.url),
            tables=asked.tables,
            schema_only=asked.part == "schema",
            data_only=asked.part == "data",
            clean=asked.clean,
            no_owner=asked.no_owner,
            jobs=asked.jobs,
        )
    except ValidationError as error:
        # all else was checked as it was read
        raise Unfit(Typed(form.values, {"tables": "these cannot be names of tables"})) from error


def _unconfirmed(visit: Visit, new: NewRestore) -> NewRestore:
    """Name the target for a look at it, which drops nothing; people name it before the restore."""
    if not new.options.clean:
        return new
    endpoint = (
        visit.call.project(new.target).endpoint
        if isinstance(new.target, str)
        else new.target.endpoint
    )
    options = new.options.model_copy(update={"confirmation": confirmation_of(endpoint)})
    return NewRestore(new.backup_id, new.target, options)


def _repeated(
    backup: Backup, target: RestoreTargetFields, options: RestoreOptions, confirmation: str
) -> RestoreRequest:
    chosen = options.selection
    return RestoreRequest(
        backup_id=backup.id,
        target=target,
        schemas=chosen.schemas,
        tables=chosen.tables,
        schema_only=chosen.schema_only,
        data_only=chosen.data_only,
        clean=options.clean,
        confirmation=confirmation,
        no_owner=options.no_owner,
        jobs=options.jobs,
    )


def _same_target(arguments: RestoreArguments, form: ConfirmForm) -> RestoreTargetFields:
    if arguments.target.project_id is not None:
        return RestoreTargetFields(project_id=arguments.target.project_id)
    if form.url is None:
        raise InvalidRequest("give the URL of the target again", field="url")
    return RestoreTargetFields(url=form.url)


def _preflight(visit: Visit, job: Job) -> tuple[RestoreArguments, Backup]:
    arguments, backup_id = job.arguments.restore, job.arguments.backup_id
    if job.job_kind is not JobKind.PREFLIGHT or arguments is None or backup_id is None:
        raise NotFound("there is no such job")
    return arguments, visit.call.backup(backup_id)


def _endpoint(call: Call, target: RestoreTarget) -> Endpoint:
    if target.endpoint is not None:
        return target.endpoint
    return call.project(str(target.project_id)).endpoint


def _where(visit: Visit, target: RestoreTarget) -> str:
    try:
        return confirmation_of(_endpoint(visit.call, target))
    except NotFound:
        # What was restored stays true when the project it went to is gone, or out of sight.
        return str(target.project_id)


def _backup_of(visit: Visit, restore: Restore) -> Backup | None:
    try:
        return visit.services.backups.get(restore.backup_id)
    except NotFound:
        return None
