"""Backups: request, list, look, change, cancel, verify, delete."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import unquote

from chalicelib.api import cursors
from chalicelib.api.requests.backups import (
    BackupPatch,
    BackupQuery,
    BackupRequest,
    RowsRequest,
    TableRowsRequest,
    VerifyRequest,
)
from chalicelib.api.routing import (
    ADMIN,
    JOB_ACCEPTED,
    NO_CONTENT,
    OPERATOR,
    VIEWER,
    Call,
    Success,
    route,
)
from chalicelib.api.views.backups import BackupPage, BackupProgressView, BackupView
from chalicelib.api.views.jobs import JobView, ProgressView
from chalicelib.api.views.steps import latest_steps_of
from chalicelib.domain.backup import Asked, Backup, Chore, Status
from chalicelib.domain.errors import Conflict, InvalidRequest
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.measure import read_once
from chalicelib.services.backups import BackupChanges, BackupFilter, NewBackup

MAX_TABLE_NAME: Final = 300
"""Two names of 63 bytes, quoted, with every quote in them doubled, and a dot."""


@route("POST /v1/backups", OPERATOR, Success(202, "/v1/backups/{id}"), starts_work=True)
def request_backup(call: Call, body: BackupRequest, idempotency_key: str | None) -> BackupView:
    """Request a backup.

    The same Idempotency-Key with the same body gives the backup of the first request; with
    another body it is a conflict. With trigger `pre-migration`, look at the backup until its
    `gate.verdict` is no longer `wait`, and migrate only when it is `pass`; a key whose backup ended
    more than an hour ago is a conflict, because what was written since is not in it.
    """
    project = call.project(body.project_id)
    # What was understood is compared, not its bytes: the order of fields makes no other request.
    new = NewBackup(
        project_id=project.id,
        options=body.options,
        name=body.name,
        description=body.description,
        trigger=body.trigger,
        tags=body.tags,
        migration_id=body.migration_id,
        hold_days=body.hold_days,
        idempotency_key=idempotency_key,
        body=json.dumps(body.model_dump(mode="json"), sort_keys=True),
    )
    return BackupView.of(call.services.backups.request(call.actor.name, new))


@route("GET /v1/backups", VIEWER)
def list_backups(call: Call, query: BackupQuery) -> BackupPage:
    """List backups, newest first.

    A page may be short, even empty, and still have a `next_cursor`: filters look at a limited
    number of backups per request.
    """
    digest = cursors.filter_digest("backups", query)
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.backups.find(_filter(call, query), limit=query.limit, before_id=before_id)
    return BackupPage(
        items=tuple(BackupView.listed(backup) for backup in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/backups/{backup_id}", VIEWER)
def show_backup(call: Call, backup: Backup) -> BackupView:
    """Show a backup, with its progress while it runs."""
    running = backup.status is Status.IN_PROGRESS
    return BackupView.of(backup, call.services.backups.progress(backup.id) if running else None)


@route("PATCH /v1/backups/{backup_id}", OPERATOR)
def update_backup(call: Call, backup: Backup, body: BackupPatch) -> BackupView:
    """Change name, description, tags, lock or hold of a backup."""
    changes = BackupChanges(**vars(body))
    return BackupView.of(call.services.backups.update(call.actor.name, backup.id, changes))


@route("DELETE /v1/backups/{backup_id}", ADMIN, NO_CONTENT)
def delete_backup(call: Call, backup: Backup) -> None:
    """Delete a finished backup, neither locked nor held; objects and links end with it."""
    call.services.backups.delete(call.actor.name, backup.id)


@route("GET /v1/backups/{backup_id}/progress", VIEWER)
def show_progress(call: Call, backup: Backup) -> BackupProgressView:
    """Show how far a backup has come."""
    progress = call.services.backups.progress(backup.id)
    return BackupProgressView(
        id=backup.id,
        status=backup.status,
        step=backup.step,
        attempt=backup.attempt,
        steps=latest_steps_of(backup),
        progress=ProgressView.of(progress) if progress else None,
    )


@route("POST /v1/backups/{backup_id}/cancel", OPERATOR, Success(202))
def cancel_backup(call: Call, backup: Backup) -> BackupView:
    """Cancel a backup: a pending one at once, a running one at its worker's next look."""
    return BackupView.of(call.services.backups.cancel(call.actor.name, backup.id))


@route("POST /v1/backups/{backup_id}/verify", OPERATOR, JOB_ACCEPTED, starts_work=True)
def verify_backup(call: Call, backup: Backup, body: VerifyRequest) -> JobView:
    """Let a worker read a completed backup again, and prove it by a restore if so asked.

    Level strict is for backups that were made with it: their source was read twice.
    """
    return reading_job(
        call, JobKind.VERIFY, JobArguments(backup_id=backup.id, level=body.level), backup
    )


@route("POST /v1/backups/{backup_id}/contents", VIEWER, JOB_ACCEPTED, starts_work=True)
def list_contents(call: Call, backup: Backup) -> JobView:
    """Let a worker list what a completed backup holds: schemas, objects, sizes.

    The result names the largest tables first where not all fit; `left_out` counts the others. A
    plain dump ends as `unsupported`.
    """
    return reading_job(call, JobKind.CONTENTS, JobArguments(backup_id=backup.id), backup)


@route("POST /v1/backups/{backup_id}/tables/{name}/rows", OPERATOR, JOB_ACCEPTED, starts_work=True)
def show_rows(call: Call, backup: Backup, name: str, body: RowsRequest) -> JobView:
    """Let a worker decode the first rows of one table of a completed backup.

    The name is `schema.table`, or each in SQL's quotes. Values are text, null for null; what is too
    long for an answer is cut, and the result says so.
    """
    arguments = JobArguments(backup_id=backup.id, table=_table(name), limit=body.limit)
    return reading_job(call, JobKind.ROWS, arguments, backup)


@route("POST /v1/backups/{backup_id}/rows", OPERATOR, JOB_ACCEPTED, starts_work=True)
def show_table_rows(call: Call, backup: Backup, body: TableRowsRequest) -> JobView:
    """Let a worker decode the first rows of one table, named by `schema` and `table`.

    For every table that there can be: a name with a slash fits into no path.
    """
    arguments = JobArguments(backup_id=backup.id, table=body.quoted, limit=body.limit)
    return reading_job(call, JobKind.ROWS, arguments, backup)


def reading_job(call: Call, kind: JobKind, arguments: JobArguments, backup: Backup) -> JobView:
    """Let a worker read a completed backup; Conflict while there is nothing to read.

    Unsupported for level strict of a backup whose source was read once.
    """
    if arguments.level is Asked.STRICT and backup.options.verification is not Asked.STRICT:
        raise read_once()
    if backup.status is not Status.COMPLETED or backup.chore is Chore.DELETE:
        raise Conflict(
            f"backup is {backup.status}, there is nothing to read",
            hint="Only completed backups can be read.",
        )
    return JobView.of(
        call.services.jobs.request(call.actor.name, kind, backup.project_id, arguments)
    )


def _table(name: str) -> str:
    # servers differ in whether a part of the path comes quoted
    table = unquote(name)
    if not table.isprintable() or len(table) > MAX_TABLE_NAME:
        raise InvalidRequest(
            "this cannot be the name of a table", hint="Name it as schema.table.", field="name"
        )
    return table


def _filter(call: Call, query: BackupQuery) -> BackupFilter:
    # A filter by something hidden is told the same as one by something missing.
    if query.project is not None:
        call.project(query.project)
    if query.schedule is not None:
        call.schedule(query.schedule)
    return BackupFilter(
        project_id=query.project,
        status=query.status,
        type=query.type,
        trigger=query.trigger,
        schedule_id=query.schedule,
        since=query.since,
        until=query.until,
        text=query.q,
        projects=call.actor.projects,
    )
