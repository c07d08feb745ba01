"""A look inside a backup, as a worker found it: what it holds, the first rows of one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import OneLine
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
from chalicelib.domain.stored_text import StoredText, texts_of

FIRST_ROWS: Final = 20
LOOKS: Final[Mapping[JobKind, tuple[str, type[BaseModel]]]] = MappingProxyType(
    {
        JobKind.CONTENTS: ("contents", ArchiveContents),
        JobKind.ROWS: ("rows", TableRows),
        JobKind.TEXT: ("text", StoredText),
    }
)
"""What each kind of look finds, by the name that the page has for it."""


class RowsForm(BaseModel):
    """Name a table as the contents name it."""

    model_config = ConfigDict(extra="forbid")

    table: Annotated[str, Field(max_length=300)]


class TextForm(BaseModel):
    """Name a text that lies beside the backup."""

    model_config = ConfigDict(extra="forbid")

    name: OneLine


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
    return WaitView.of(job)


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


@page(
    "POST /dashboard/backups/{backup_id}/text",
    VIEWER,
    shown_by=show_backup_page,
    starts_work=True,
)
def look_at_text(visit: Visit, backup: Backup, form: Form[TextForm]) -> SeeOther:
    """Let a worker read a text that lies beside the backup."""
    if form.model.name not in texts_of(backup):
        raise NotFound("the backup has no such text")
    arguments = JobArguments(backup_id=backup.id, artefact=form.model.name)
    return SeeOther(_path(backup, reading_job(visit.call, JobKind.TEXT, arguments, backup).id))


def table_name(schema: SchemaInside, inside: ObjectInside) -> str:
    """Return a table's name as a rows job takes it, whatever letters it has."""
    return quoted_name(schema.name, inside.name)


def _found(job: Job) -> dict[str, Any]:
    # each is None but the one that this job has made, once it has
    found: dict[str, Any] = dict.fromkeys(name for name, _ in LOOKS.values())
    if job.result is not None:
        name, kind = LOOKS[job.job_kind]
        found[name] = kind.model_validate(job.result)
    return {**found, "table_name": table_name}


def _require_own(backup: Backup, job: Job) -> None:
    if job.job_kind not in LOOKS or job.arguments.backup_id != backup.id:
        raise NotFound("there is no such job")


def _path(backup: Backup, job_id: str) -> str:
    return f"/dashboard/backups/{backup.id}/inside/{job_id}"
