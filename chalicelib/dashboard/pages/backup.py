"""One backup: everything of its record, and what may be done to it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import QueryString
from chalicelib.api.routes.backups import reading_job, show_progress
from chalicelib.api.routing import ADMIN, OPERATOR, VIEWER
from chalicelib.api.views.backups import BackupProgressView
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.own_paths import BackForm, noticed
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.timeline import timeline_of
from chalicelib.domain.access import Role
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Asked, Backup, Chore, Status
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.link import Link
from chalicelib.domain.record import Query
from chalicelib.domain.stored_text import texts_of
from chalicelib.services.audit_log import AuditFilter
from chalicelib.services.backups import BackupChanges

LINKS: Final = 10
EVENTS: Final = 20


class BackupQuery(QueryString):
    """Say whether the file is wanted as soon as it is there."""

    download: bool = False


class VerifyForm(BackForm):
    """Say how closely to check."""

    level: Asked = Asked.ARCHIVE


class LockForm(BackForm):
    """Say whether to keep the backup whatever retention says."""

    locked: bool


class DeleteForm(BaseModel):
    """Name the backup that goes, so that no slip of a finger deletes one."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[str, Field(max_length=200)] = ""


@page("GET /dashboard/backups/{backup_id}", VIEWER)
def show_backup_page(visit: Visit, backup: Backup, query: BackupQuery) -> Html:
    """Show a backup."""
    is_readable = backup.status is Status.COMPLETED and backup.chore is not Chore.DELETE
    return Html(
        "backup.html",
        {
            "backup": backup,
            "project_name": _project_name(visit, backup),
            "progress": show_progress(visit.call, backup),
            "is_readable": is_readable,
            "wants_file": query.download and visit.actor.may(Role.OPERATOR),
            "timeline": timeline_of(backup, visit.now),
            "texts": texts_of(backup),
            "links": _links(visit, backup),
            "events": _events(visit, backup),
        },
    )


@page("GET /dashboard/backups/{backup_id}/progress", VIEWER)
def show_backup_progress(visit: Visit, backup: Backup) -> BackupProgressView:
    """Tell a page that is open how far the backup has come."""
    return show_progress(visit.call, backup)


@page("POST /dashboard/backups/{backup_id}/cancel", OPERATOR, shown_by=show_backup_page)
def cancel_backup_form(visit: Visit, backup: Backup, form: Form[BackForm]) -> SeeOther:
    """Cancel the backup."""
    visit.services.backups.cancel(visit.actor.name, backup.id)
    return _back(backup, form.model.back, "cancelled")


@page(
    "POST /dashboard/backups/{backup_id}/verify",
    OPERATOR,
    shown_by=show_backup_page,
    starts_work=True,
)
def verify_backup_form(visit: Visit, backup: Backup, form: Form[VerifyForm]) -> SeeOther:
    """Let a worker read the backup again."""
    arguments = JobArguments(backup_id=backup.id, level=form.model.level)
    reading_job(visit.call, JobKind.VERIFY, arguments, backup)
    return _back(backup, form.model.back, "verifying")


@page("POST /dashboard/backups/{backup_id}/lock", OPERATOR, shown_by=show_backup_page)
def lock_backup_form(visit: Visit, backup: Backup, form: Form[LockForm]) -> SeeOther:
    """Lock or unlock the backup."""
    changes = BackupChanges(locked=form.model.locked)
    visit.services.backups.update(visit.actor.name, backup.id, changes)
    return _back(backup, form.model.back, "locked" if form.model.locked else "unlocked")


@page("POST /dashboard/backups/{backup_id}/delete", ADMIN, shown_by=show_backup_page)
def delete_backup_form(visit: Visit, backup: Backup, form: Form[DeleteForm]) -> SeeOther:
    """Delete the backup that was named."""
    # exactly as it stands: what is typed by habit deletes nothing
    if form.model.confirm != backup.name:
        raise Unfit(Typed(form.values, {"confirm": "this is not the name of the backup"}))
    try:
        visit.services.backups.delete(visit.actor.name, backup.id)
    except Conflict as error:
        raise form.refused(error) from error
    return SeeOther("/dashboard/backups/history?notice=deleted")


def _links(visit: Visit, backup: Backup) -> tuple[Link, ...]:
    """Return the latest links that still work."""
    found = visit.services.links.find(backup.id, Query(Link, limit=LINKS)).items
    return tuple(link for link in found if link.works(visit.now))


def _events(visit: Visit, backup: Backup) -> tuple[AuditEvent, ...]:
    # who did what is for admins, here as on the page of the audit log
    if not visit.actor.may(Role.ADMIN):
        return ()
    wanted = AuditFilter(subject_id=backup.id, projects=visit.actor.projects)
    return visit.services.audit_log.find(wanted, limit=EVENTS, before_id=None).items


def _project_name(visit: Visit, backup: Backup) -> str:
    try:
        return visit.services.projects.get(backup.project_id).name
    except NotFound:
        # A backup outlives its project: that is what it is for.
        return f"{backup.project_id} (deleted)"


def _back(backup: Backup, back: str | None, notice: str) -> SeeOther:
    return SeeOther(noticed(back or f"/dashboard/backups/{backup.id}", notice))
