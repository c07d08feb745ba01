"""A backup by hand: choose, ask, and go on to watch it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.api.requests.fields import Lines, OneLine, QueryString, RecordId
from chalicelib.api.routing import OPERATOR
from chalicelib.dashboard.forms import Form, Typed
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import (
    Asked,
    BackupOptions,
    BackupType,
    Component,
    Compression,
    Format,
)
from chalicelib.domain.components import TAKEABLE, chosen
from chalicelib.domain.errors import InvalidRequest, Unsupported
from chalicelib.domain.project import Project
from chalicelib.services.backups import NewBackup


def _words(typed: object) -> object:
    return tuple(typed.split()) if isinstance(typed, str) else typed


class ProjectQuery(QueryString):
    """Say which project is chosen to begin with."""

    project: RecordId | None = None


class ManualForm(BaseModel):
    """Ask for a backup; a field left empty leaves the choice to the engine.

    No component is what the project says; any other brings the database, which every backup holds.
    `download` and `estimate` are about the page alone: no part of what is asked for.
    """

    model_config = ConfigDict(extra="forbid")

    project: RecordId
    type: BackupType = BackupType.FULL
    components: Annotated[tuple[Component, ...], BeforeValidator(_words)] = ()
    compression: Compression | None = None
    format: Format | None = None
    verification: Asked | None = None
    name: OneLine | None = None
    description: Lines = ""
    tags: TagLines = Field(default_factory=dict)
    download: bool = False
    estimate: RecordId | None = None
    request: Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]

    def options(self, project: Project) -> BackupOptions:
        """Return what is to be taken and how; an error names what the project has not."""
        named = (Component.DATABASE, *self.components) if self.components else ()
        asked = BackupOptions(
            type=self.type,
            compression=self.compression,
            format=self.format,
            verification=self.verification,
            components=named,
        )
        return chosen(asked, project)


@page("GET /dashboard/backups/manual", OPERATOR)
def show_manual(visit: Visit, query: ProjectQuery) -> Html:
    """Show the form of a backup."""
    typed = visit.typed
    return Html(
        "manual.html", form_values(visit, typed, typed.value("project", query.project or ""))
    )


@page("POST /dashboard/backups/manual", OPERATOR, shown_by=show_manual, starts_work=True)
def start_manual(visit: Visit, form: Form[ManualForm]) -> SeeOther:
    """Ask for the backup, and show it."""
    asked = form.model
    project = visit.call.project(asked.project)
    try:
        new = NewBackup(
            project_id=project.id,
            options=asked.options(project),
            name=asked.name,
            description=asked.description,
            tags=asked.tags,
            idempotency_key=asked.request,
            body=asked.model_dump_json(exclude={"download", "estimate"}),
        )
        backup = visit.services.backups.request(visit.actor.name, new)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    download = "download=true&" if asked.download else ""
    return SeeOther(f"/dashboard/backups/{backup.id}?{download}notice=started")


def form_values(visit: Visit, typed: Typed, project_id: str) -> dict[str, Any]:
    """Return what the form of a backup shows, whatever page it stands on."""
    projects = visible_projects(visit)
    kinds = {one.project_kind for one in projects}
    return {
        "typed": typed,
        "projects": projects,
        "project_id": project_id,
        "takeable": {
            component: sorted(kind for kind in kinds if component in TAKEABLE[kind])
            for component in Component
            if any(component in TAKEABLE[kind] for kind in kinds)
        },
        "picked": typed.value("components").split(),
        "usual": {one.id: chosen(BackupOptions(), one).components for one in projects},
        # Posted along, so that a button pressed twice asks for one backup.
        "request": visit.services.ledger.ids.new(),
        "estimate": None,
    }
