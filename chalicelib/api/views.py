"""What callers see: explicit models, so that a new field of a record is not published by chance."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.backup import (
    Asked,
    Backup,
    BackupType,
    Checksum,
    Chore,
    Component,
    Compression,
    Format,
    Status,
    Step,
    Trigger,
    Verification,
)
from chalicelib.domain.connection import SslMode
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.link import Link
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.proof import Assertion
from chalicelib.domain.restore import (
    Restore,
    RestoreOptions,
    RestoreReport,
    RestoreStep,
    RestoreTarget,
    TargetState,
)


class View(BaseModel):
    """Be an answer."""

    model_config = ConfigDict(frozen=True)


class PageView(View):
    """Hold what all pages share; `next_cursor` null means that was all."""

    next_cursor: str | None


class HealthView(View):
    """Say that the service answers and can read its records."""

    status: str
    version: str
    catalog: str


class ProjectView(View):
    """Show a project, never its password."""

    id: str
    name: str
    kind: ProjectKind
    host: str
    port: int
    database: str
    user: str
    sslmode: SslMode
    sslrootcert: str | None
    tags: dict[str, str]
    verification: Asked | None
    assertions: tuple[Assertion, ...]
    created_at: datetime
    updated_at: datetime
    discover_job_id: str | None = None

    @classmethod
    def of(cls, project: Project, *, discover_job_id: str | None = None) -> Self:
        """Show this project; the job is named only by the answer to its creation."""
        endpoint = project.endpoint
        return cls(
            id=project.id,
            name=project.name,
            kind=project.project_kind,
            host=endpoint.host,
            port=endpoint.port,
            database=endpoint.database,
            user=endpoint.user,
            sslmode=endpoint.sslmode,
            sslrootcert=endpoint.sslrootcert,
            tags=project.tags,
            verification=project.verification,
            assertions=project.assertions,
            created_at=project.created_at,
            updated_at=project.updated_at,
            discover_job_id=discover_job_id,
        )


class ProjectPage(PageView):
    """Show one page of projects, newest first."""

    items: tuple[ProjectView, ...]


class JobView(View):
    """Show a job; the shape of `result` depends on the kind."""

    id: str
    kind: JobKind
    project_id: str
    backup_id: str | None
    status: Status
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    deadline: datetime
    result: dict[str, Any] | None
    error: ErrorInfo | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Show this job."""
        return cls(
            id=job.id,
            kind=job.job_kind,
            project_id=job.project_id,
            backup_id=job.arguments.backup_id,
            status=job.status,
            requested_by=job.requested_by,
            created_at=job.created_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            deadline=job.deadline,
            result=job.result,
            error=job.error,
        )


class ProgressView(View):
    """Show how far a run has come, in raw bytes; `fraction` is 0 to 1, null while unknown."""

    phase: str
    raw_bytes_done: int
    raw_bytes_total: int | None
    stored_bytes: int
    fraction: float | None
    table: str | None
    tables_done: int
    tables_total: int | None
    bytes_per_s: float | None
    eta_s: float | None
    at: datetime

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Show this progress."""
        values = progress.model_dump(exclude={"id", "revision"})
        return cls(fraction=progress.fraction, **values)


class BackupProgressView(View):
    """Show where a backup stands; `progress` is null before it has anything to say."""

    id: str
    status: Status
    step: Step
    attempt: int
    progress: ProgressView | None


class ArtefactView(View):
    """Show one stored object of a backup; sizes in bytes."""

    name: str
    stored_bytes: int
    raw_bytes: int | None
    checksum: Checksum


class BackupView(View):
    """Show a backup. Sizes in bytes, durations in seconds.

    `compression`, `format` and `engine` are as asked for until the run has decided; `progress` is
    there while it runs and one backup is shown; `deleting` means its objects are going away.
    """

    id: str
    project_id: str
    name: str
    description: str
    trigger: Trigger
    type: BackupType
    compression: Compression | None
    format: Format | None
    components: tuple[Component, ...]
    engine: str | None
    tags: dict[str, str]
    status: Status
    step: Step
    attempt: int
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    duration_s: float | None
    raw_bytes: int | None
    stored_bytes: int | None
    rows: int | None
    checksum: Checksum | None
    artefacts: tuple[ArtefactView, ...]
    manifest_sha256: str | None
    server_version: str | None
    client_version: str | None
    restore_needs: str | None
    warnings: tuple[str, ...]
    validated: bool
    verification: Verification | None
    error: ErrorInfo | None
    parent_id: str | None
    locked: bool
    cancel_requested: bool
    deleting: bool
    progress: ProgressView | None = None

    @classmethod
    def of(cls, backup: Backup, progress: Progress | None = None) -> Self:
        """Show this backup; who holds its lease and where its objects lie stay inside."""
        shown = {
            name: getattr(backup, name) for name in cls.model_fields if name in Backup.model_fields
        }
        # what the run decided wins over what was asked for
        shown |= {
            "type": backup.options.type,
            "compression": backup.compression or backup.options.compression,
            "format": backup.format or backup.options.format,
            "components": backup.options.components,
            "engine": backup.engine or backup.options.engine,
            "artefacts": tuple(
                ArtefactView(**a.model_dump(exclude={"key"})) for a in backup.artefacts
            ),
            "deleting": backup.chore is Chore.DELETE,
            "progress": ProgressView.of(progress) if progress else None,
        }
        return cls.model_validate(shown)


class BackupPage(PageView):
    """Show one page of backups, newest first; it may be short and still have a next."""

    items: tuple[BackupView, ...]


class RestoreTargetView(View):
    """Show where a restore goes, never a password; a project's target is shown by its id."""

    project_id: str | None
    host: str | None
    port: int | None
    database: str | None
    user: str | None

    @classmethod
    def of(cls, target: RestoreTarget) -> Self:
        """Show this target."""
        endpoint = target.endpoint
        return cls(
            project_id=target.project_id,
            host=endpoint.host if endpoint else None,
            port=endpoint.port if endpoint else None,
            database=endpoint.database if endpoint else None,
            user=endpoint.user if endpoint else None,
        )


class RestoreView(View):
    """Show a restore; `target_state` says what became of the target. Durations in seconds."""

    id: str
    project_id: str
    backup_id: str
    target: RestoreTargetView
    options: RestoreOptions
    status: Status
    step: RestoreStep
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_s: float | None
    cancel_requested: bool
    target_state: TargetState
    report: RestoreReport
    error: ErrorInfo | None
    progress: ProgressView | None = None

    @classmethod
    def of(cls, restore: Restore, progress: Progress | None = None) -> Self:
        """Show this restore."""
        shown = {
            name: getattr(restore, name)
            for name in cls.model_fields
            if name in Restore.model_fields
        }
        shown |= {
            "target": RestoreTargetView.of(restore.target),
            "progress": ProgressView.of(progress) if progress else None,
        }
        return cls.model_validate(shown)


class RestoreProgressView(View):
    """Show where a restore stands; `progress` is null before it has anything to say."""

    id: str
    status: Status
    step: RestoreStep
    target_state: TargetState
    progress: ProgressView | None


class RestorePage(PageView):
    """Show one page of restores, newest first; it may be short and still have a next."""

    items: tuple[RestoreView, ...]


class LinkView(View):
    """Show a link, never its token."""

    id: str
    backup_id: str
    artefact: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    max_uses: int
    uses: int
    revoked_at: datetime | None

    @classmethod
    def of(cls, link: Link) -> Self:
        """Show this link."""
        return cls(**{name: getattr(link, name) for name in LinkView.model_fields})


class NewLinkView(View):
    """Show a new link with its token, this once."""

    id: str
    url: str
    token: str
    expires_at: datetime
    artefact: str
    max_uses: int


class LinkPage(PageView):
    """Show one page of links, newest first."""

    items: tuple[LinkView, ...]


class KeyView(View):
    """Show a key, never its secret; `projects` null reaches all."""

    id: str
    name: str
    role: Role
    projects: tuple[str, ...] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Show this key."""
        return cls(**{name: getattr(key, name) for name in KeyView.model_fields})


class NewKeyView(KeyView):
    """Show a new key with its token, this once."""

    token: str

    @classmethod
    def issued(cls, key: ApiKey, token: str) -> Self:
        """Show this key and the token that nobody will see again."""
        return cls(**KeyView.of(key).model_dump(), token=token)


class KeyPage(PageView):
    """Show one page of keys, newest first, revoked ones included."""

    items: tuple[KeyView, ...]
