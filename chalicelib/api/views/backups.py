"""What callers see of backups."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.api.views.jobs import ProgressView
from chalicelib.api.views.steps import StepView, steps_of
from chalicelib.domain.backup import (
    Backup,
    BackupType,
    Checksum,
    Chore,
    Component,
    Compression,
    FileTotals,
    Format,
    Status,
    Step,
    Trigger,
    Verification,
)
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.gate import Judgement, judged
from chalicelib.domain.progress import Progress


class BackupProgressView(View):
    """Show where a backup stands; `progress` is null before it has anything to say.

    `steps` are the last few; the backup itself shows all.
    """

    id: str
    status: Status
    step: Step
    attempt: int
    steps: tuple[StepView, ...]
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
    `steps` is what it went through, null in lists.
    `gate` says of one made before a migration whether that may run.
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
    migration_id: str | None
    hold_until: datetime | None
    status: Status
    step: Step
    attempt: int
    steps: tuple[StepView, ...] | None = None
    requested_by: str
    schedule_id: str | None
    expected_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    duration_s: float | None
    raw_bytes: int | None
    stored_bytes: int | None
    rows: int | None
    files: FileTotals | None
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
    deletion_error: ErrorInfo | None
    gate: Judgement | None = None
    progress: ProgressView | None = None

    @classmethod
    def of(cls, backup: Backup, progress: Progress | None = None) -> Self:
        """Show this backup; who holds its lease and where its objects lie stay inside."""
        shown = cls._shown(backup) | {
            "steps": steps_of(backup),
            "progress": ProgressView.of(progress) if progress else None,
        }
        return cls.model_validate(shown)

    @classmethod
    def listed(cls, backup: Backup) -> Self:
        """Show this backup among others, without its steps."""
        return cls.model_validate(cls._shown(backup))

    @classmethod
    def _shown(cls, backup: Backup) -> dict[str, object]:
        shown = {
            name: getattr(backup, name) for name in cls.model_fields if name in Backup.model_fields
        }
        # what the run decided wins over what was asked for
        return shown | {
            "steps": None,
            "type": backup.options.type,
            "compression": backup.compression or backup.options.compression,
            "format": backup.format or backup.options.format,
            "components": backup.options.components,
            "engine": backup.engine or backup.options.engine,
            "artefacts": tuple(
                ArtefactView(**a.model_dump(exclude={"key"})) for a in backup.artefacts
            ),
            "deleting": backup.chore is Chore.DELETE,
            "gate": judged(backup) if backup.trigger is Trigger.PRE_MIGRATION else None,
        }


class BackupPage(PageView):
    """Show one page of backups, newest first; it may be short and still have a next."""

    items: tuple[BackupView, ...]
