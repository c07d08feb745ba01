"""One backup: everything of its record, and what may be done to it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.routes.backups import reading_job
from chalicelib.api.routing import ADMIN, OPERATOR, VIEWER
from chalicelib.api.views.backups import BackupProgressView
from chalicelib.api.views.jobs import ProgressView
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Asked, Backup, Chore, Status
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.services.backups import BackupChanges
from chalicelib.services.links import NewLink


class VerifyForm(BaseModel):
    """Say how closely to check."""

    model_config = ConfigDict(extra="forbid")

    level: Asked = Asked.ARCHIVE


class LockForm(BaseModel):
    """Say whether to keep the backup whatever retention says."""

    model_config = ConfigDict(extra="forbid")

    locked: bool


class DeleteForm(BaseModel):
    """Name the backup that goes, so that no slip of a finger deletes one."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[str, Field(max_length=200)] = ""


@page("GET /dashboard/backups/{backup_id}", VIEWER)
def show_backup_page(visit: Visit, backup: Backup) -> Html:
    """Show a backup."""
    return Html(
        "backup.html",
        {
            "backup": backup,
            "project_name": _project_name(visit, backup),
            "progress": progress_of(visit, backup),
            "is_readable": backup.status is Status.COMPLETED and backup.chore is not Chore.DELETE,
        },
    )


@page("GET /dashboard/backups/{backup_id}/progress", VIEWER)
def show_backup_progress(visit: Visit, backup: Backup) -> BackupProgressView:
    """Tell a page that is open how far the backup has come."""
    return progress_of(visit, backup)


@page("POST /dashboard/backups/{backup_id}/cancel", OPERATOR, shown_by=show_backup_page)
def cancel_backup_form(visit: Visit, backup: Backup, form: Form[EmptyForm]) -> SeeOther:
    """Cancel the backup."""
    del form
    visit.services.backups.cancel(visit.actor.name, backup.id)
    return _back(backup, "cancelled")


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
    return _back(backup, "verifying")


@page("POST /dashboard/backups/{backup_id}/lock", OPERATOR, shown_by=show_backup_page)
def lock_backup_form(visit: Visit, backup: Backup, form: Form[LockForm]) -> SeeOther:
    """Lock or unlock the backup."""
    changes = BackupChanges(locked=form.model.locked)
    visit.services.backups.update(visit.actor.name, backup.id, changes)
    return _back(backup, "saved")


@page(
    "POST /dashboard/backups/{backup_id}/download",
    OPERATOR,
    shown_by=show_backup_page,
    starts_work=True,
)
def download_backup_form(visit: Visit, backup: Backup, form: Form[EmptyForm]) -> SeeOther:
    """Make a link for one use, and use it at once."""
    del form
    # a link, though it is used at once: only what redeems links may read objects
    _, token = visit.services.links.create(visit.actor.name, backup, NewLink())
    return SeeOther(visit.services.redeemer.redeem(token), is_foreign=True)


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


def progress_of(visit: Visit, backup: Backup) -> BackupProgressView:
    """Return how far a backup has come, as the API tells it."""
    found = visit.services.backups.progress(backup.id)
    return BackupProgressView(
        id=backup.id,
        status=backup.status,
        step=backup.step,
        attempt=backup.attempt,
        progress=ProgressView.of(found) if found else None,
    )


def _project_name(visit: Visit, backup: Backup) -> str:
    try:
        return visit.services.projects.get(backup.project_id).name
    except NotFound:
        # A backup outlives its project: that is what it is for.
        return f"{backup.project_id} (deleted)"


def _back(backup: Backup, notice: str) -> SeeOther:
    return SeeOther(f"/dashboard/backups/{backup.id}?notice={notice}")
