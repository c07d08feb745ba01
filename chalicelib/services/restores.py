"""Restores as people and programs ask for them: request, look, cancel; their preflight as a job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.domain import restore_moves
from chalicelib.domain.backup import Backup, BackupType, Chore, Component, Format, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    NotFound,
    RevisionConflict,
    Unsupported,
)
from chalicelib.domain.execution import Work
from chalicelib.domain.idempotency import Idempotency
from chalicelib.domain.job import Job, JobArguments, JobKind, RestoreArguments
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Page, Query, Replace, Write
from chalicelib.domain.restore import (
    Restore,
    RestoreOptions,
    RestoreTarget,
    Selection,
    require_confirmation,
)
from chalicelib.domain.runs import Stamp
from chalicelib.ports import Secrets, Workflow
from chalicelib.services import idempotent
from chalicelib.services.being_restored import restores_under_way
from chalicelib.services.jobs import Jobs
from chalicelib.services.ledger import Ledger
from chalicelib.services.trusted_backup import require_restorable


@dataclass(frozen=True)
class NewRestore:
    """Say what to restore where: into a project, or by a connection with its password.

    `body` is the request as text: with an idempotency key, another body is another request.
    """

    backup_id: str
    target: str | Connection
    options: RestoreOptions
    idempotency_key: str | None = None
    body: str = ""


@dataclass(frozen=True)
class RestoreFilter:
    """Say which restores to list."""

    project_id: str | None = None
    backup_id: str | None = None
    status: Status | None = None
    projects: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Restores:
    """Keep the records of restores and start their runs.

    `check` raises for an endpoint that must not be reached.
    """

    ledger: Ledger
    workflow: Workflow
    secrets: Secrets
    jobs: Jobs
    check: Callable[[Endpoint], None]

    def request(self, actor: str, new: NewRestore) -> Restore:
        """Store a pending restore and start its run; idempotent by key.

        The password goes first, as with projects; a crash after the record leaves a pending
        restore that the sweeper starts. From then on until its end nobody deletes the backup.
        """
        backup = self._checked(new)
        restore = Restore(
            id=self.ledger.ids.new(),
            project_id=backup.project_id,
            backup_id=backup.id,
            target=_target(new),
            options=new.options,
            requested_by=actor,
            created_at=self.ledger.clock.now(),
        )
        self._keep_password(new, restore.secret_name)
        key = idempotent.remembered(self.ledger, actor, new.idempotency_key, new.body, restore.id)
        try:
            self._commit(restore, self.ledger.stamp(actor), key)
        except HoldfastError as error:
            self.secrets.delete(restore.secret_name)
            restore = self._repeated(key, error)
        if not restore.status.is_terminal:
            self.workflow.start(Work.RESTORE, restore.id)
        return self.get(restore.id)

    def preflight(self, actor: str, new: NewRestore) -> Job:
        """Have a worker say what a restore would meet; changes nothing."""
        backup = self._checked(new)
        arguments = RestoreArguments(target=_target(new), options=new.options)
        job_id = self.ledger.ids.new()
        self._keep_password(new, arguments.secret_name(job_id))
        try:
            return self.jobs.request(
                actor,
                JobKind.PREFLIGHT,
                backup.project_id,
                JobArguments(backup_id=backup.id, restore=arguments),
                job_id=job_id,
            )
        except HoldfastError:
            self.secrets.delete(arguments.secret_name(job_id))
            raise

    def get(self, restore_id: str) -> Restore:
        """Return a restore; NotFound when there is none."""
        return self.ledger.catalog.get(Restore, restore_id)

    def find(self, wanted: RestoreFilter, *, limit: int, before_id: str | None) -> Page[Restore]:
        """Return one page of restores, newest first; short pages may have a cursor."""
        return self.ledger.catalog.find(
            Query(
                Restore,
                index=_index(wanted),
                before_id=before_id,
                limit=limit,
                keep=lambda restore: _matches(wanted, restore),
            )
        )

    def progress(self, restore_id: str) -> Progress | None:
        """Return how far a restore has come; None before it has anything to say."""
        restore = self.get(restore_id)
        try:
            last = self.ledger.catalog.get(Progress, restore_id)
        except NotFound:
            return None
        if not restore.status.is_terminal:
            return last
        ended = {"phase": restore.status.value, "table": None, "bytes_per_s": None, "eta_s": None}
        return last.model_copy(update=ended)

    def cancel(self, actor: str, restore_id: str) -> Restore:
        """Cancel a restore that has touched nothing at once, another within two seconds."""
        stamp = self.ledger.stamp(actor)
        restore = self.ledger.apply(
            Restore, restore_id, lambda r: restore_moves.cancel_asked(r, stamp)
        )
        if restore.status is Status.CANCELLED:
            self.workflow.stop(Work.RESTORE, restore_id)
            self.finish(restore)
        return self.get(restore_id)

    def finish(self, restore: Restore) -> None:
        """Forget the password of an ended restore; a crash before that is the sweeper's."""
        if restore.chore is not Chore.CLEAN:
            return
        self.secrets.delete(restore.secret_name)
        # somebody else has just done the same
        with suppress(RevisionConflict):
            self.ledger.apply(Restore, restore.id, _finished)

    def _commit(self, restore: Restore, stamp: Stamp, key: tuple[Idempotency, ...]) -> None:
        def decide(backup: Backup) -> tuple[Write, ...]:
            # once more: it may have been marked for deletion since it was looked at
            require_restorable(backup)
            under_way = restores_under_way(self.ledger.catalog, backup)
            writes = restore_moves.requested(restore, backup, under_way, stamp)
            return (*writes, *(Insert(record) for record in key))

        self.ledger.apply(Backup, restore.backup_id, decide)

    def _repeated(self, key: tuple[Idempotency, ...], error: HoldfastError) -> Restore:
        """Return the restore that the key was first used for; raise the error if it never was.

        The earlier restore has a password of its own.
        """
        if not key or not isinstance(error, Conflict):
            raise error
        try:
            return self.get(idempotent.earlier(self.ledger, key, Restore.kind))
        except NotFound:
            raise error from None

    def _checked(self, new: NewRestore) -> Backup:
        backup = self.ledger.catalog.get(Backup, new.backup_id)
        require_restorable(backup)
        endpoint = self._endpoint(new)
        self.check(endpoint)
        require_confirmation(new.options, endpoint)
        self._require_components(new)
        if backup.format is Format.PLAIN and not _fits_script(backup, new.options):
            raise Unsupported(
                "a plain backup can only be restored as a whole, and without clean",
                hint="Use a backup of format custom for that.",
            )
        return backup

    def _require_components(self, new: NewRestore) -> None:
        wanted = set(new.options.components or ()) - {Component.DATABASE}
        if not wanted:
            return
        if isinstance(new.target, Connection) or self._project(new.target).supabase is None:
            raise Unsupported(
                f"the target is no Supabase project and takes no {min(wanted)}",
                hint="Leave the components out to restore the database alone, or restore into a "
                "project of kind supabase.",
            )

    def _project(self, project_id: str) -> Project:
        return self.ledger.catalog.get(Project, project_id)

    def _endpoint(self, new: NewRestore) -> Endpoint:
        if isinstance(new.target, Connection):
            return new.target.endpoint
        return self._project(new.target).endpoint

    def _keep_password(self, new: NewRestore, name: str) -> None:
        if isinstance(new.target, Connection):
            self.secrets.put(name, new.target.password)


def _fits_script(backup: Backup, options: RestoreOptions) -> bool:
    if options.clean:
        return False
    # beside a script of rows lies an archive of definitions, which may be left out
    has_definitions = backup.options.type is BackupType.DATA
    rows_alone = has_definitions and options.selection == Selection(data_only=True)
    return rows_alone or options.selection == Selection()


def _target(new: NewRestore) -> RestoreTarget:
    if isinstance(new.target, Connection):
        return RestoreTarget(endpoint=new.target.endpoint)
    return RestoreTarget(project_id=new.target)


def _finished(restore: Restore) -> tuple[Write, ...]:
    if restore.chore is not Chore.CLEAN:
        return ()
    return (Replace(restore.model_copy(update={"chore": None})),)


def _index(wanted: RestoreFilter) -> tuple[str, str] | None:
    if wanted.backup_id is not None:
        return ("backup_id", wanted.backup_id)
    if wanted.project_id is not None:
        return ("project_id", wanted.project_id)
    if wanted.status is not None:
        return ("status", wanted.status.value)
    return None


def _matches(wanted: RestoreFilter, restore: Restore) -> bool:
    if wanted.projects is not None and restore.project_id not in wanted.projects:
        return False
    return (
        wanted.project_id in {None, restore.project_id}
        and wanted.backup_id in {None, restore.backup_id}
        and wanted.status in {None, restore.status}
    )
