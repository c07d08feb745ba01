"""A look inside a backup, as a worker found it: what it holds, the first rows of one table."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.routes.backups import reading_job
from chalicelib.api.routing import OPERATOR, VIEWER
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.backup import show_backup_page
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.pages.waiting import WaitView
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Backup
from chalicelib.domain.contents import (
    ArchiveContents,
    ObjectInside,
    SchemaInside,
    TableRows,
    quoted_name,
)
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job, JobArguments, JobKind

FIRST_ROWS: Final = 20


class RowsForm(BaseModel):
    """Name a table as the contents name it."""

    model_config = ConfigDict(extra="forbid")

    table: Annotated[str, Field(max_length=300)]


@page(
    "POST /dashboard/backups/{backup_id}/contents",
    VIEWER,
    shown_by=show_backup_page,
    starts_work=True,
)
def look_inside(visit: Visit, backup: Backup, form: Form[EmptyForm]) -> SeeOther:
    """Let a worker list what the backup holds."""
    del form
    job = reading_job(visit.call, JobKind.CONTENTS, JobArguments(backup_id=backup.id), backup)
    return SeeOther(_path(backup, job.id))


@page("GET /dashboard/backups/{backup_id}/inside/{job_id}", VIEWER)
def show_inside(backup: Backup, job: Job) -> Html:
    """Show what the worker found."""
    _require_own(backup, job)
    return Html("inside.html", {"backup": backup, "job": job, **_found(job)})


@page("GET /dashboard/backups/{backup_id}/inside/{job_id}/progress", VIEWER)
def show_inside_progress(backup: Backup, job: Job) -> WaitView:
    """Tell an open page whether the worker has looked."""
    _require_own(backup, job)
    return WaitView(status=job.status)


@page(
    "POST /dashboard/backups/{backup_id}/rows",
    OPERATOR,
    shown_by=show_backup_page,
    starts_work=True,
)
def look_at_rows(visit: Visit, backup: Backup, form: Form[RowsForm]) -> SeeOther:
    """Let a worker decode the first rows of a table."""
    arguments = JobArguments(backup_id=backup.id, table=form.model.table, limit=FIRST_ROWS)
    return SeeOther(_path(backup, reading_job(visit.call, JobKind.ROWS, arguments, backup).id))


def table_name(schema: SchemaInside, inside: ObjectInside) -> str:
    """Return a table's name as a rows job takes it, whatever letters it has."""
    return quoted_name(schema.name, inside.name)


def _found(job: Job) -> dict[str, Any]:
    contents = rows = None
    if job.result is not None and job.job_kind is JobKind.CONTENTS:
        contents = ArchiveContents.model_validate(job.result)
    if job.result is not None and job.job_kind is JobKind.ROWS:
        rows = TableRows.model_validate(job.result)
    return {"contents": contents, "rows": rows, "table_name": table_name}


def _require_own(backup: Backup, job: Job) -> None:
    is_look = job.job_kind in {JobKind.CONTENTS, JobKind.ROWS}
    if not is_look or job.arguments.backup_id != backup.id:
        raise NotFound("there is no such job")


def _path(backup: Backup, job_id: str) -> str:
    return f"/dashboard/backups/{backup.id}/inside/{job_id}"
