"""Links: made on a backup's page, shown once, and the page that they lead to.

That page is for whoever was sent the link, without a key. It uses nothing up: the button does, by
POST, so that no preview of a messenger takes a use.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.requests.fields import OneLine
from chalicelib.api.routing import OPERATOR, PUBLIC
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.own_paths import BackForm, noticed
from chalicelib.dashboard.pages.backup import show_backup_page
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import NotFound, RequestError
from chalicelib.domain.link import MAX_LIFETIME, gone
from chalicelib.services.links import NewLink

_HOUR: Final = timedelta(hours=1)


class LinkForm(BaseModel):
    """Say what to hand out, for how many hours, and how often."""

    model_config = ConfigDict(extra="forbid")

    artefact: OneLine | None = None
    hours: Annotated[int, Field(ge=1, le=MAX_LIFETIME // _HOUR)] = 24
    uses: Annotated[int, Field(ge=1, le=1000)] = 1


class DownloadForm(BackForm):
    """Name what to download; nothing is the dump itself."""

    artefact: OneLine | None = None


@page(
    "POST /dashboard/backups/{backup_id}/links",
    OPERATOR,
    shown_by=show_backup_page,
    starts_work=True,
)
def make_link(visit: Visit, backup: Backup, form: Form[LinkForm]) -> Html:
    """Make a link, and show its token this once."""
    asked = form.model
    new = NewLink(asked.artefact, lifetime=_HOUR * asked.hours, max_uses=asked.uses)
    try:
        link, token = visit.services.links.create(visit.actor.name, backup, new)
    except RequestError as error:
        raise form.refused(error) from error
    # answered without a redirect: the token must stand in no history of ours, and in no log
    url = f"{visit.services.settings.public_url.rstrip('/')}/links/{token}"
    return Html("link_made.html", {"backup": backup, "link": link, "address": url})


@page(
    "POST /dashboard/backups/{backup_id}/links/{link_id}/revoke",
    OPERATOR,
    shown_by=show_backup_page,
)
def revoke_link_form(visit: Visit, backup: Backup, link_id: str, form: Form[EmptyForm]) -> SeeOther:
    """End a link at once."""
    del form
    visit.services.links.revoke(visit.actor.name, backup.id, link_id)
    return SeeOther(noticed(f"/dashboard/backups/{backup.id}", "revoked"))


@page(
    "POST /dashboard/backups/{backup_id}/download",
    OPERATOR,
    shown_by=show_backup_page,
    starts_work=True,
)
def download_backup_form(visit: Visit, backup: Backup, form: Form[DownloadForm]) -> Html | SeeOther:
    """Make a link for one use, and use it at once."""
    # a link, though it is used at once: only what redeems links may read objects
    try:
        _, token = visit.services.links.create(
            visit.actor.name, backup, NewLink(form.model.artefact)
        )
    except RequestError as error:
        raise form.refused(error) from error
    return _on_to_store(visit, token)


@page("GET /links/{token}", PUBLIC)
def show_link(visit: Visit, token: str) -> Html:
    """Show what a link hands out; this takes no use of it."""
    link = visit.services.links.look(token)
    try:
        backup = visit.services.backups.get(link.backup_id)
    except NotFound as error:
        raise gone() from error
    return Html("link.html", {"link": link, "artefact": _described(backup, link.artefact)})


@page("POST /links/{token}", PUBLIC, shown_by=show_link)
def use_link(visit: Visit, token: str, form: Form[EmptyForm]) -> Html | SeeOther:
    """Take one use of the link, and go on to the file."""
    del form
    return _on_to_store(visit, token)


def _on_to_store(visit: Visit, token: str) -> Html | SeeOther:
    url = visit.services.redeemer.redeem(token)
    ours = urlsplit(visit.services.settings.public_url)
    if urlsplit(url).netloc in {"", ours.netloc}:
        return SeeOther(url, is_foreign=True)
    # our policy lets forms lead to ourselves only, and browsers hold their redirects to it too
    return Html("download.html", {"address": url})


def _described(backup: Backup, name: str) -> dict[str, object]:
    size = next((one.stored_bytes for one in backup.artefacts if one.name == name), None)
    return {"name": name, "stored_bytes": size, "made_at": backup.created_at}
