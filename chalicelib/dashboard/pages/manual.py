"""A backup by hand: choose, ask, and go on to watch it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import Lines, OneLine, QueryString, RecordId
from chalicelib.api.routing import OPERATOR
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import Asked, BackupOptions, BackupType, Compression, Format
from chalicelib.domain.errors import InvalidRequest, Unsupported
from chalicelib.services.backups import NewBackup


class ProjectQuery(QueryString):
    """Say which project is chosen to begin with."""

    project: RecordId | None = None


class ManualForm(BaseModel):
    """Ask for a backup; a field left empty leaves the choice to the engine."""

    model_config = ConfigDict(extra="forbid")

    project: RecordId
    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    format: Format | None = None
    verification: Asked | None = None
    name: OneLine | None = None
    description: Lines = ""
    tags: TagLines = Field(default_factory=dict)
    request: Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]


@page("GET /dashboard/backups/manual", OPERATOR)
def show_manual(visit: Visit, query: ProjectQuery) -> Html:
    """Show the form of a backup."""
    return Html(
        "manual.html",
        {
            "projects": visible_projects(visit),
            "project_id": visit.typed.value("project", query.project or ""),
            # Posted along, so that a button pressed twice asks for one backup.
            "request": visit.services.ledger.ids.new(),
        },
    )


@page("POST /dashboard/backups/manual", OPERATOR, shown_by=show_manual, starts_work=True)
def start_manual(visit: Visit, form: Form[ManualForm]) -> SeeOther:
    """Ask for the backup, and show it."""
    asked = form.model
    project = visit.call.project(asked.project)
    new = NewBackup(
        project_id=project.id,
        options=BackupOptions(
            type=asked.type,
            compression=asked.compression,
            format=asked.format,
            verification=asked.verification,
        ),
        name=asked.name,
        description=asked.description,
        tags=asked.tags,
        idempotency_key=asked.request,
        body=asked.model_dump_json(),
    )
    try:
        backup = visit.services.backups.request(visit.actor.name, new)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/backups/{backup.id}?notice=started")
