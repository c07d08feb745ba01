"""Channels: where notices go. They see all projects, so only keys that do may touch them."""

from __future__ import annotations

from chalicelib.api import cursors
from chalicelib.api.requests.channels import ChannelCreate, ChannelPatch
from chalicelib.api.requests.fields import PageQuery
from chalicelib.api.routing import (
    ADMIN_EVERYWHERE,
    JOB_ACCEPTED,
    NO_CONTENT,
    Call,
    Success,
    route,
)
from chalicelib.api.views.channels import (
    ChannelPage,
    ChannelView,
    DeliveryPage,
    DeliveryView,
    NewChannelView,
)
from chalicelib.api.views.jobs import JobView
from chalicelib.domain.channel import Channel, Delivery
from chalicelib.domain.errors import InvalidRequest, NotFound
from chalicelib.domain.record import Query
from chalicelib.services.channels import ChannelChanges, NewChannel


@route("POST /v1/channels", ADMIN_EVERYWHERE, Success(201, "/v1/channels/{id}"))
def create_channel(call: Call, body: ChannelCreate) -> NewChannelView:
    """Make a channel for notices; a webhook's signing secret is shown this once."""
    _require_projects(call, body.projects)
    new = NewChannel(**vars(body))
    return NewChannelView.made(*call.services.channels.create(call.actor.name, new))


@route("GET /v1/channels", ADMIN_EVERYWHERE)
def list_channels(call: Call, query: PageQuery) -> ChannelPage:
    """List channels, newest first."""
    digest = cursors.filter_digest("channels", query)
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.channels.find(Query(Channel, before_id=before_id, limit=query.limit))
    return ChannelPage(
        items=tuple(ChannelView.of(channel) for channel in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/channels/{channel_id}", ADMIN_EVERYWHERE)
def show_channel(call: Call, channel_id: str) -> ChannelView:
    """Show a channel and what came of the last try at it."""
    channels = call.services.channels
    return ChannelView.of(channels.get(channel_id), channels.last_result(channel_id))


@route("PATCH /v1/channels/{channel_id}", ADMIN_EVERYWHERE)
def change_channel(call: Call, channel_id: str, body: ChannelPatch) -> ChannelView:
    """Change a channel."""
    _require_projects(call, body.projects or ())
    changes = ChannelChanges(**vars(body))
    changed = call.services.channels.update(call.actor.name, channel_id, changes)
    return ChannelView.of(changed, call.services.channels.last_result(channel_id))


@route("DELETE /v1/channels/{channel_id}", ADMIN_EVERYWHERE, NO_CONTENT)
def delete_channel(call: Call, channel_id: str) -> None:
    """Delete a channel; what waited for it is never delivered."""
    call.services.channels.delete(call.actor.name, channel_id)


@route("POST /v1/channels/{channel_id}/test", ADMIN_EVERYWHERE, JOB_ACCEPTED, starts_work=True)
def test_channel(call: Call, channel_id: str) -> JobView:
    """Have a worker send a test notice; the job's result says whether it was taken."""
    return JobView.of(call.services.channels.test(call.actor.name, channel_id))


@route("GET /v1/channels/{channel_id}/deliveries", ADMIN_EVERYWHERE)
def list_deliveries(call: Call, channel_id: str, query: PageQuery) -> DeliveryPage:
    """List what was brought to a channel in the last 30 days, newest first."""
    digest = cursors.filter_digest(f"deliveries {channel_id}", query)
    newest = cursors.decode(query.cursor, digest)
    # the id of a delivery is its notice's and the channel's: a cursor holds the first half only
    before_id = f"{newest}-{channel_id}" if newest is not None else None
    page = call.services.channels.deliveries(
        channel_id, Query(Delivery, before_id=before_id, limit=query.limit)
    )
    last = page.next_before_id.partition("-")[0] if page.next_before_id is not None else None
    return DeliveryPage(
        items=tuple(DeliveryView.of(delivery) for delivery in page.items),
        next_cursor=cursors.encode(last, digest),
    )


def _require_projects(call: Call, project_ids: tuple[str, ...]) -> None:
    # a channel for a project that is none would keep still for ever
    for project_id in project_ids:
        try:
            call.project(project_id)
        except NotFound as error:
            raise InvalidRequest("there is no such project", field="projects") from error
