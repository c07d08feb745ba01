"""Many backups at once: lock them, or delete them after they were named together."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from chalicelib.api.requests.fields import RecordId
from chalicelib.api.routing import ADMIN, OPERATOR
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.own_paths import BackForm, noticed, own_path
from chalicelib.dashboard.pages.history import HISTORY, PAGE, show_history
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.services.backups import BackupChanges

MAX_CHOSEN: Final = 2 * PAGE
"""Deleting one takes a few calls to a store, and a request has to end in time."""


def _lines(typed: object) -> object:
    return tuple(dict.fromkeys(typed.split())) if isinstance(typed, str) else typed


class ChosenForm(BackForm):
    """Name the backups that were ticked."""

    pick: Annotated[
        tuple[RecordId, ...], BeforeValidator(_lines), Field(max_length=MAX_CHOSEN)
    ] = ()


class ChosenLockForm(ChosenForm):
    """Say whether to keep them whatever retention says."""

    locked: bool


class ChosenDeleteForm(ChosenForm):
    """Say in words how many go, so that no slip of a finger deletes them."""

    confirm: Annotated[str, Field(max_length=200)] = ""


@page("POST /dashboard/chosen/lock", OPERATOR, shown_by=show_history)
def lock_chosen(visit: Visit, form: Form[ChosenLockForm]) -> SeeOther:
    """Lock or unlock all that were chosen."""
    locked = form.model.locked
    chosen = _present(visit, form.model.pick)
    for backup in chosen:
        if backup.locked is not locked:
            visit.services.backups.update(visit.actor.name, backup.id, BackupChanges(locked=locked))
    done = "locked" if locked else "unlocked"
    return _back(form.model, done if chosen else "none-chosen")


def show_chosen(visit: Visit) -> Html:
    """Show what would go, and ask to confirm it in words."""
    chosen = _present(visit, tuple(visit.typed.value("pick").split()))
    values = {"chosen": chosen, "phrase": phrase_for(len(chosen)), "left": ()}
    return Html("chosen.html", {**values, "back": own_path(visit.typed.value("back"), HISTORY)})


@page("POST /dashboard/chosen", ADMIN, shown_by=show_history)
def look_at_chosen(visit: Visit, form: Form[ChosenForm]) -> Html | SeeOther:
    """Show what was chosen; nothing is deleted yet."""
    chosen = _present(visit, form.model.pick)
    if not chosen:
        return _back(form.model, "none-chosen")
    values = {"chosen": chosen, "phrase": phrase_for(len(chosen)), "left": ()}
    return Html("chosen.html", {**values, "back": form.model.back or HISTORY})


@page("POST /dashboard/chosen/delete", ADMIN, shown_by=show_chosen)
def delete_chosen(visit: Visit, form: Form[ChosenDeleteForm]) -> Html | SeeOther:
    """Delete all that were chosen; those that may not go are named with the reason."""
    expected = phrase_for(len(form.model.pick))
    if not form.model.pick or form.model.confirm.strip() != expected:
        raise Unfit(Typed(form.values, {"confirm": f"type exactly: {expected}"}))
    left = [told for one in form.model.pick if (told := _delete(visit, one)) is not None]
    if not left:
        return _back(form.model, "deleted")
    back = form.model.back or HISTORY
    return Html("chosen.html", {"chosen": (), "phrase": "", "left": left, "back": back})


def phrase_for(count: int) -> str:
    """Return the words that confirm the deletion of so many backups."""
    return "delete 1 backup" if count == 1 else f"delete {count} backups"


def _delete(visit: Visit, backup_id: str) -> tuple[Backup, str] | None:
    try:
        backup = visit.call.backup(backup_id)
        visit.services.backups.delete(visit.actor.name, backup.id)
    except NotFound:
        # gone in another tab meanwhile: that is what was asked for
        return None
    except Conflict as error:
        return backup, f"{error.message}. {error.hint}"
    return None


def _present(visit: Visit, ids: tuple[str, ...]) -> list[Backup]:
    found = []
    for one in ids:
        try:
            found.append(visit.call.backup(one))
        except NotFound:
            # deleted since the page was shown
            continue
    return found


def _back(form: ChosenForm, notice: str) -> SeeOther:
    return SeeOther(noticed(form.back or HISTORY, notice))
