"""What callers see of restores."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.api.views.jobs import ProgressView
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.progress import Progress
from chalicelib.domain.restore import (
    Restore,
    RestoreOptions,
    RestoreReport,
    RestoreStep,
    RestoreTarget,
    TargetState,
)


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
