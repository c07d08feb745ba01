"""Channels: where notices go, tried out, paused, deleted, and what became of each delivery."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from chalicelib.api.requests.channels import CHOSEN, Events
from chalicelib.api.requests.fields import OneLine, RecordId
from chalicelib.api.routing import ADMIN_EVERYWHERE
from chalicelib.api.views.channels import ChannelView, DeliveryView
from chalicelib.dashboard.forms import Form
from chalicelib.dashboard.pages.overview import visible_projects
from chalicelib.dashboard.pages.sessions import EmptyForm
from chalicelib.dashboard.pages.waiting import WaitView
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.channel import MAX_CHANNELS, Channel, ChannelKind, Delivery
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound, Unsupported
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Query
from chalicelib.services.channels import ChannelChanges, NewChannel

DELIVERIES: Final = 50
EVENT: Final = "event."
"""Browsers send one field for each box that is ticked; these begin so."""
TROUBLE: Final = frozenset(
    {
        NoticeKind.BACKUP_FAILED,
        NoticeKind.BACKUP_MISSED,
        NoticeKind.PROOF_FAILED,
        NoticeKind.RESTORE_FAILED,
        NoticeKind.RETENTION_FROZEN,
        NoticeKind.SCHEDULE_DISABLED,
    }
)
"""What somebody must act upon: ticked in the form of a new channel."""


class _WithEvents(BaseModel):
    model_config = ConfigDict(extra="forbid")

    events: Events = ()

    @model_validator(mode="before")
    @classmethod
    def _ticked(cls, given: Any) -> Any:
        ticked = tuple(name.removeprefix(EVENT) for name in given if name.startswith(EVENT))
        rest = {name: text for name, text in given.items() if not name.startswith(EVENT)}
        return {**rest, "events": ticked}


class ChannelForm(_WithEvents):
    """Say where to send what; without any event all of them go there."""

    name: OneLine
    kind: ChannelKind = ChannelKind.WEBHOOK
    url: Annotated[SecretStr, Field(max_length=2048)]
    project: RecordId | None = None


class ChannelEditForm(_WithEvents):
    """Change a channel; a URL left empty stays as it is."""

    name: OneLine
    url: Annotated[SecretStr, Field(max_length=2048)] | None = None


class ChannelPauseForm(BaseModel):
    """Say whether notices go to a channel."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


@page("GET /dashboard/channels", ADMIN_EVERYWHERE)
def show_channels(visit: Visit) -> Html:
    """List the channels, and show the form of a new one."""
    channels = visit.services.channels
    found = channels.find(Query(Channel, limit=MAX_CHANNELS)).items
    is_on_aws = visit.services.settings.topic is not None
    return Html(
        "channels.html",
        {
            "channels": [ChannelView.of(one, channels.last_result(one.id)) for one in found],
            "names": {one.id: one.name for one in visible_projects(visit)},
            "kinds": [kind for kind in ChannelKind if kind is not ChannelKind.SNS or is_on_aws],
            "events": CHOSEN,
            "ticked": TROUBLE,
        },
    )


@page("POST /dashboard/channels", ADMIN_EVERYWHERE, shown_by=show_channels)
def add_channel(visit: Visit, form: Form[ChannelForm]) -> Html | SeeOther:
    """Make the channel; the secret that signs a webhook's bodies is shown this once."""
    asked = form.model
    projects = (visit.call.project(asked.project).id,) if asked.project else ()
    new = NewChannel(asked.name, asked.kind, asked.url, asked.events, projects)
    try:
        channel, secret = visit.services.channels.create(visit.actor.name, new)
    except (InvalidRequest, Unsupported, Conflict) as error:
        raise form.refused(error) from error
    if secret is None:
        return SeeOther(f"/dashboard/channels/{channel.id}?notice=saved")
    # answered without a redirect, because the secret must stand in no address and in no record
    return _shown(visit, channel, secret=secret)


@page("GET /dashboard/channels/{channel_id}", ADMIN_EVERYWHERE)
def show_channel_page(visit: Visit, channel_id: str) -> Html:
    """Show a channel and its latest deliveries."""
    return _shown(visit, visit.services.channels.get(channel_id))


@page("POST /dashboard/channels/{channel_id}", ADMIN_EVERYWHERE, shown_by=show_channel_page)
def change_channel_form(visit: Visit, channel_id: str, form: Form[ChannelEditForm]) -> SeeOther:
    """Change the channel."""
    asked = form.model
    changes = ChannelChanges(name=asked.name, url=asked.url, events=asked.events)
    try:
        visit.services.channels.update(visit.actor.name, channel_id, changes)
    except (InvalidRequest, Unsupported) as error:
        raise form.refused(error) from error
    return SeeOther(f"/dashboard/channels/{channel_id}?notice=saved")


@page("POST /dashboard/channels/{channel_id}/pause", ADMIN_EVERYWHERE, shown_by=show_channel_page)
def pause_channel(visit: Visit, channel_id: str, form: Form[ChannelPauseForm]) -> SeeOther:
    """Let the channel rest, or send to it again."""
    changes = ChannelChanges(enabled=form.model.enabled)
    visit.services.channels.update(visit.actor.name, channel_id, changes)
    return SeeOther(f"/dashboard/channels/{channel_id}?notice=saved")


@page(
    "POST /dashboard/channels/{channel_id}/test",
    ADMIN_EVERYWHERE,
    shown_by=show_channel_page,
    starts_work=True,
)
def try_channel(visit: Visit, channel_id: str, form: Form[EmptyForm]) -> SeeOther:
    """Let a worker send a test notice."""
    del form
    job = visit.services.channels.test(visit.actor.name, channel_id)
    return SeeOther(f"/dashboard/channels/{channel_id}/tests/{job.id}")


@page("GET /dashboard/channels/{channel_id}/tests/{job_id}", ADMIN_EVERYWHERE)
def show_channel_test(visit: Visit, channel_id: str, job: Job) -> Html:
    """Show what came of a test notice."""
    _require_own(channel_id, job)
    return _shown(visit, visit.services.channels.get(channel_id), job=job)


@page("GET /dashboard/channels/{channel_id}/tests/{job_id}/progress", ADMIN_EVERYWHERE)
def show_channel_test_progress(channel_id: str, job: Job) -> WaitView:
    """Tell an open page whether the worker has sent it."""
    _require_own(channel_id, job)
    return WaitView.of(job)


@page("POST /dashboard/channels/{channel_id}/delete", ADMIN_EVERYWHERE, shown_by=show_channel_page)
def delete_channel_form(visit: Visit, channel_id: str, form: Form[EmptyForm]) -> SeeOther:
    """Delete the channel; what waited for it is never delivered."""
    del form
    visit.services.channels.delete(visit.actor.name, channel_id)
    return SeeOther("/dashboard/channels?notice=deleted")


def _shown(
    visit: Visit, channel: Channel, *, job: Job | None = None, secret: str | None = None
) -> Html:
    channels = visit.services.channels
    found = channels.deliveries(channel.id, Query(Delivery, limit=DELIVERIES))
    return Html(
        "channel.html",
        {
            "channel": ChannelView.of(channel, channels.last_result(channel.id)),
            "deliveries": [DeliveryView.of(one) for one in found.items],
            "job": job,
            "secret": secret,
            "events": CHOSEN,
            "names": {one.id: one.name for one in visible_projects(visit)},
        },
    )


def _require_own(channel_id: str, job: Job) -> None:
    if job.job_kind is not JobKind.CHANNEL_TEST or job.arguments.channel_id != channel_id:
        raise NotFound("there is no such job")
