"""Retention: what it would do, and the word of a person that things are right."""

from __future__ import annotations

from chalicelib.api import cursors
from chalicelib.api.requests.fields import PageQuery
from chalicelib.api.requests.retention import (
    RetentionAcceptRequest,
    RetentionPreviewRequest,
    ScopeFields,
)
from chalicelib.api.routing import ADMIN, VIEWER, Call, hidden, route
from chalicelib.api.views.retention import RetentionPlanView, RetentionStateView
from chalicelib.domain.errors import NotFound
from chalicelib.domain.project import Project
from chalicelib.services.retention.preview import Asked


@route("POST /v1/retention/preview", VIEWER)
def preview_retention(
    call: Call, body: RetentionPreviewRequest, query: PageQuery
) -> RetentionPlanView:
    """Show what retention would keep and remove now, and why; changes nothing.

    Without `policy` the stored one holds: the schedule's, else the project's.
    """
    digest = cursors.filter_digest("retention", body)
    preview = call.services.retention.preview(
        Asked(_project(call, body), body.schedule_id, body.policy),
        limit=query.limit,
        before_id=cursors.decode(query.cursor, digest),
    )
    return RetentionPlanView.of(preview, cursors.encode(preview.next_before_id, digest))


@route("POST /v1/retention/accept", ADMIN)
def accept_retention(call: Call, body: RetentionAcceptRequest) -> RetentionStateView:
    """Say that the backups are right as they are, so that retention goes on.

    Thaws what froze because backups shrank or many would go at once. Failing runs are thawed by a
    backup that succeeds.
    """
    project = _project(call, body)
    return RetentionStateView.of(
        call.services.retention.accept(call.actor.name, project, body.schedule_id)
    )


def _project(call: Call, body: ScopeFields) -> Project:
    if body.project_id is not None:
        return call.project(body.project_id)
    try:
        found = call.services.retention.project_of(body.schedule_id or "")
    except NotFound as error:
        raise hidden(Project) from error
    # a schedule for many projects has none of its own: whoever means one names it
    return call.project(found or "")
