"""What callers see of restores."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.api.views.jobs import ProgressView
from chalicelib.api.views.steps import StepView, steps_of
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
    """Show a restore; `target_state` says what became of the target. Durations in seconds.

    `steps` is what it went through, null in lists.
    """

    id: str
    project_id: str
    backup_id: str
    target: RestoreTargetView
    options: RestoreOptions
    status: Status
    step: RestoreStep
    steps: tuple[StepView, ...] | None = None
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
        shown = cls._shown(restore) | {
            "steps": steps_of(restore),
            "progress": ProgressView.of(progress) if progress else None,
        }
        return cls.model_validate(shown)

    @classmethod
    def listed(cls, restore: Restore) -> Self:
        """Show this restore among others, without its steps."""
        return cls.model_validate(cls._shown(restore))

    @classmethod
    def _shown(cls, restore: Restore) -> dict[str, object]:
        shown = {
            name: getattr(restore, name)
            for name in cls.model_fields
            if name in Restore.model_fields
        }
        return shown | {"target": RestoreTargetView.of(restore.target), "steps": None}


class RestoreProgressView(View):
    """Show where a restore stands; `progress` is null before it has anything to say.

    `steps` are the last few; the restore itself shows all.
    """

    id: str
    status: Status
    step: RestoreStep
    target_state: TargetState
    steps: tuple[StepView, ...]
    progress: ProgressView | None


class RestorePage(PageView):
    """Show one page of restores, newest first; it may be short and still have a next."""

    items: tuple[RestoreView, ...]
