"""What callers see of the audit log and of statistics."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.rollup import Tally
from chalicelib.services.stats import ProjectStats


class AuditView(View):
    """Show who did what; `before` and `after` hold the fields that a change touched."""

    id: str
    at: datetime
    actor: str
    action: str
    subject_id: str
    project_id: str | None
    details: dict[str, str]
    before: dict[str, str]
    after: dict[str, str]

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """Show this event."""
        shown = {name: getattr(event, name) for name in cls.model_fields}
        return cls(**shown | {"project_id": event.project_id or None})


class AuditPage(PageView):
    """Show one page of audit events, newest first; it may be short and still have a next."""

    items: tuple[AuditView, ...]


class TallyView(View):
    """Show counts, and means of what completed; rates are 0 to 1, null where nothing ended."""

    backups_completed: int
    backups_failed: int
    backups_cancelled: int
    success_rate: float | None
    mean_duration_s: float | None
    mean_raw_bytes: float | None
    mean_stored_bytes: float | None
    proofs_passed: int
    proofs_failed: int
    proof_rate: float | None
    restores_completed: int
    restores_failed: int
    restores_cancelled: int
    links_redeemed: int

    @classmethod
    def of(cls, tally: Tally) -> Self:
        """Show this tally; whoever cancels says nothing about success."""
        done, broken = tally.backups_completed, tally.backups_failed
        same = cls.model_fields.keys() & Tally.model_fields.keys()
        return cls(
            **{name: getattr(tally, name) for name in same},
            success_rate=_ratio(done, done + broken),
            mean_duration_s=_ratio(tally.backup_duration_s, done),
            mean_raw_bytes=_ratio(tally.backup_raw_bytes, done),
            mean_stored_bytes=_ratio(tally.backup_stored_bytes, done),
            proof_rate=_ratio(tally.proofs_passed, tally.proofs_passed + tally.proofs_failed),
        )


class DayView(TallyView):
    """Show one day, UTC."""

    day: str


class StatsView(View):
    """Show what is known of a project; `days` only where one project was asked for.

    The age counts from the project's making while no backup has completed.
    """

    project_id: str
    project: str
    last_success_at: datetime | None
    last_success_age_s: float
    last_backup_id: str | None
    last_duration_s: float | None
    last_raw_bytes: int | None
    last_stored_bytes: int | None
    total: TallyView
    days: tuple[DayView, ...]

    @classmethod
    def of(cls, stats: ProjectStats, *, daily: bool) -> Self:
        """Show these statistics."""
        last = stats.last
        return cls(
            project_id=stats.project.id,
            project=stats.project.name,
            last_success_at=last.at if last else None,
            last_success_age_s=stats.age_s,
            last_backup_id=last.backup_id if last else None,
            last_duration_s=last.duration_s if last else None,
            last_raw_bytes=last.raw_bytes if last else None,
            last_stored_bytes=last.stored_bytes if last else None,
            total=TallyView.of(stats.total),
            days=tuple(
                DayView(day=day, **TallyView.of(tally).model_dump())
                for day, tally in (stats.days if daily else ())
            ),
        )


class StatsPage(PageView):
    """Show one page of projects with their statistics, newest project first."""

    items: tuple[StatsView, ...]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
