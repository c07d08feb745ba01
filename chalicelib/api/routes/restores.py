"""Restores: request, look at beforehand, list, look, cancel.

An operator may restore into a project of its sight. Whoever names a target by its connection, or
has things dropped there, must be an admin: what happens then is not bounded by any project.
"""

from __future__ import annotations

import json

from chalicelib.api import cursors
from chalicelib.api.connections import new_connection
from chalicelib.api.requests.restores import RestoreQuery, RestoreRequest
from chalicelib.api.routing import JOB_ACCEPTED, OPERATOR, VIEWER, Call, Success, route
from chalicelib.api.views.jobs import JobView, ProgressView
from chalicelib.api.views.restores import RestorePage, RestoreProgressView, RestoreView
from chalicelib.api.views.steps import latest_steps_of
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.restore import Restore
from chalicelib.services.restores import NewRestore, RestoreFilter


@route("POST /v1/restores", OPERATOR, Success(202, "/v1/restores/{id}"), starts_work=True)
def request_restore(call: Call, body: RestoreRequest, idempotency_key: str | None) -> RestoreView:
    """Request a restore of a completed backup.

    The target must be empty unless `clean` is confirmed, or only chosen tables or schemas are
    restored, which must not be there yet. A target that is no project, and `clean`, need the role
    admin.
    """
    new = new_restore(call, body, idempotency_key)
    return RestoreView.of(call.services.restores.request(call.actor.name, new))


@route("POST /v1/restores/preflight", OPERATOR, JOB_ACCEPTED, starts_work=True)
def preflight_restore(call: Call, body: RestoreRequest) -> JobView:
    """Let a worker say what a restore would meet; changes nothing."""
    return JobView.of(
        call.services.restores.preflight(call.actor.name, new_restore(call, body, None))
    )


@route("GET /v1/restores", VIEWER)
def list_restores(call: Call, query: RestoreQuery) -> RestorePage:
    """List restores, newest first."""
    digest = cursors.filter_digest("restores", query)
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.restores.find(_filter(call, query), limit=query.limit, before_id=before_id)
    return RestorePage(
        items=tuple(RestoreView.listed(restore) for restore in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/restores/{restore_id}", VIEWER)
def show_restore(call: Call, restore: Restore) -> RestoreView:
    """Show a restore, with its progress while it runs."""
    running = restore.status is Status.IN_PROGRESS
    progress = call.services.restores.progress(restore.id) if running else None
    return RestoreView.of(restore, progress)


@route("GET /v1/restores/{restore_id}/progress", VIEWER)
def show_restore_progress(call: Call, restore: Restore) -> RestoreProgressView:
    """Show how far a restore has come."""
    progress = call.services.restores.progress(restore.id)
    return RestoreProgressView(
        id=restore.id,
        status=restore.status,
        step=restore.step,
        target_state=restore.target_state,
        steps=latest_steps_of(restore),
        progress=ProgressView.of(progress) if progress else None,
    )


@route("POST /v1/restores/{restore_id}/cancel", OPERATOR, Success(202))
def cancel_restore(call: Call, restore: Restore) -> RestoreView:
    """Cancel a restore: at once while nothing was touched, else at its worker's next look."""
    return RestoreView.of(call.services.restores.cancel(call.actor.name, restore.id))


def new_restore(call: Call, body: RestoreRequest, idempotency_key: str | None) -> NewRestore:
    """Return what is asked for, after looking whether this caller may; Forbidden when not."""
    target = _target(call, body)
    if body.clean and not call.actor.may(Role.ADMIN):
        raise Forbidden("a restore that drops things needs the role admin")
    # What was understood is compared, not its bytes; where it leads stands for URL and password.
    understood = body.model_dump(mode="json", exclude={"target": {"url", "password"}})
    where = target if isinstance(target, str) else target.endpoint.model_dump(mode="json")
    return NewRestore(
        backup_id=call.backup(body.backup_id).id,
        target=target,
        options=body.options,
        idempotency_key=idempotency_key,
        body=json.dumps([understood, where], sort_keys=True),
    )


def _target(call: Call, body: RestoreRequest) -> str | Connection:
    if body.target.project_id is not None:
        return call.project(body.target.project_id).id
    if not call.actor.may(Role.ADMIN):
        raise Forbidden(
            "a target that is no project needs the role admin",
            hint="Make a project of it, or use a key with the role admin.",
        )
    return new_connection(body.target)


def _filter(call: Call, query: RestoreQuery) -> RestoreFilter:
    # A filter by something hidden is told the same as one by something missing.
    if query.project is not None:
        call.project(query.project)
    if query.backup is not None:
        call.backup(query.backup)
    return RestoreFilter(
        project_id=query.project,
        backup_id=query.backup,
        status=query.status,
        projects=call.actor.projects,
    )
